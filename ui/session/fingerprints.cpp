// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/fingerprints.h"

#include <QThreadPool>
#include <map>
#include <mutex>

namespace moescope {
namespace {

struct Known {
    std::mutex lock;
    std::map<std::weak_ptr<const LoadableModel>, std::string, std::owner_less<>> texts;
};

Known& known() {
    static Known all;
    return all;
}

}  // namespace

std::string fingerprintOf(const std::shared_ptr<const LoadableModel>& checkpoint) {
    Known& all = known();
    const std::lock_guard guard(all.lock);
    std::erase_if(all.texts, [](const auto& entry) { return entry.first.expired(); });
    auto [place, fresh] = all.texts.try_emplace(checkpoint);
    if (fresh) place->second = checkpoint->fingerprint();
    return place->second;
}

void prepareFingerprint(const std::shared_ptr<const LoadableModel>& checkpoint) {
    QThreadPool::globalInstance()->start([checkpoint] { fingerprintOf(checkpoint); });
}

}  // namespace moescope
