// SPDX-License-Identifier: GPL-3.0-or-later
// Models that were opened before, newest first, as a value that is kept between starts.
#pragma once

#include <QString>
#include <QVariantMap>
#include <QVector>

#include "ui/session/open_model.h"

namespace moescope {

struct RecentModel {
    ModelOrder order;
    QString name;

    bool operator==(const RecentModel&) const = default;
};

class RecentModels {
public:
    static constexpr int kKept = 20;

    const QVector<RecentModel>& models() const { return m_models; }
    /// To the front; an entry of the same place gives way. The embedded model is always at hand and not kept here.
    void add(RecentModel model);
    void remove(const std::filesystem::path& path);
    /// The order with which a place was opened last: its weight set, settings, storage and VAE.
    std::optional<ModelOrder> orderFor(const std::filesystem::path& path) const;

    QVariantList toVariantList() const;
    static RecentModels from(const QVariantList& list);

private:
    QVector<RecentModel> m_models;
};

/// Whether there is something at its place now.
bool isThere(const RecentModel& model);

QVariantMap toVariantMap(const ModelOrder& order);
ModelOrder modelOrderFrom(const QVariantMap& map);

}  // namespace moescope
