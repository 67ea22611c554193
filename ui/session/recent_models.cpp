// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/recent_models.h"

#include "ui/session/paths.h"

namespace moescope {

void RecentModels::add(RecentModel model) {
    if (model.order.embedded()) return;
    remove(model.order.path);
    m_models.prepend(std::move(model));
    if (m_models.size() > kKept) m_models.resize(kKept);
}

void RecentModels::remove(const std::filesystem::path& path) {
    m_models.removeIf([&](const RecentModel& model) { return model.order.path == path; });
}

std::optional<ModelOrder> RecentModels::orderFor(const std::filesystem::path& path) const {
    for (const RecentModel& model : m_models)
        if (model.order.path == path) return model.order;
    return std::nullopt;
}

QVariantList RecentModels::toVariantList() const {
    QVariantList list;
    for (const RecentModel& model : m_models) {
        QVariantMap map = toVariantMap(model.order);
        map.insert("name", model.name);
        list.append(map);
    }
    return list;
}

RecentModels RecentModels::from(const QVariantList& list) {
    RecentModels recent;
    for (auto entry = list.crbegin(); entry != list.crend(); ++entry) {
        const QVariantMap map = entry->toMap();
        recent.add({modelOrderFrom(map), map.value("name").toString()});
    }
    return recent;
}

bool isThere(const RecentModel& model) {
    std::error_code ignored;
    return std::filesystem::exists(model.order.path, ignored);
}

QVariantMap toVariantMap(const ModelOrder& order) {
    return {{"path", textOf(order.path)},
            {"builtIn", QString::fromStdString(order.builtIn)},
            {"weightSet", QString::fromStdString(order.weightSet)},
            {"settings", QString::fromStdString(order.settings.dump())},
            {"storage", order.storage == MS_BF16 ? "bf16" : "f32"},
            {"vae", textOf(order.vae)}};
}

ModelOrder modelOrderFrom(const QVariantMap& map) {
    ModelOrder order;
    order.path = pathOf(map.value("path").toString());
    order.builtIn = map.value("builtIn").toString().toStdString();
    order.weightSet = map.value("weightSet").toString().toStdString();
    const auto settings = nlohmann::json::parse(map.value("settings").toString().toStdString(), nullptr, false);
    if (settings.is_object()) order.settings = settings;
    order.storage = map.value("storage").toString() == "bf16" ? MS_BF16 : MS_F32;
    order.vae = pathOf(map.value("vae").toString());
    return order;
}

}  // namespace moescope
