// SPDX-License-Identifier: Apache-2.0
// The two kinds of sets on a disk, for openPictureSet.
#pragma once

#include <filesystem>

#include "engine/data/picture_set.h"

namespace moescope {

/// What both kinds know about their items.
class StoredSet : public PictureSet {
public:
    int64_t size() const override { return static_cast<int64_t>(m_items.size()); }
    const TrainingItem& item(int64_t index) const override { return m_items[static_cast<size_t>(index)]; }
    const std::vector<std::string>& classNames() const override { return m_classNames; }
    const std::vector<std::string>& remarks() const override { return m_remarks; }

protected:
    std::vector<TrainingItem> m_items;
    std::vector<std::string> m_classNames, m_remarks;
    std::array<uint8_t, 3> m_background{255, 255, 255};
};

// Both throw EngineException.
std::unique_ptr<PictureSet> openFolderSet(const std::filesystem::path& folder);
/// The shards in this order; `folder` may hold a labels.json and a dataset.json.
std::unique_ptr<PictureSet> openTarSet(const std::vector<std::filesystem::path>& shards,
                                       const std::filesystem::path& folder);

}  // namespace moescope
