// SPDX-License-Identifier: Apache-2.0
#include "engine/data/picture_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/data/item_labels.h"
#include "engine/data/stored_set.h"

namespace moescope {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> shardsIn(const fs::path& folder) {
    std::vector<fs::path> shards;
    std::error_code code;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
        std::error_code ignored;
        if (entry->path().extension() == ".tar" && !entry->path().filename().string().starts_with('.') &&
            entry->is_regular_file(ignored))
            shards.push_back(entry->path());
    }
    std::ranges::sort(
        shards, [](const fs::path& a, const fs::path& b) { return a.filename().string() < b.filename().string(); });
    return shards;
}

class JoinedSet final : public PictureSet {
public:
    explicit JoinedSet(std::vector<std::unique_ptr<PictureSet>> sets) : m_sets(std::move(sets)) {
        for (size_t number = 0; number < m_sets.size(); ++number) {
            const PictureSet& set = *m_sets[number];
            std::vector<int32_t> labels;
            for (const std::string& name : set.classNames()) {
                auto known = std::ranges::find(m_classNames, name);
                if (known == m_classNames.end()) known = m_classNames.insert(known, name);
                labels.push_back(static_cast<int32_t>(known - m_classNames.begin()));
            }
            m_starts.push_back(size());
            for (int64_t i = 0; i < set.size(); ++i) {
                TrainingItem item = set.item(i);
                item.key = fmt::format("{}:{}", number, item.key);
                if (item.label >= 0) item.label = labels[static_cast<size_t>(item.label)];
                m_items.push_back(std::move(item));
            }
            m_remarks.insert(m_remarks.end(), set.remarks().begin(), set.remarks().end());
        }
    }

    int64_t size() const override { return static_cast<int64_t>(m_items.size()); }
    const TrainingItem& item(int64_t index) const override { return m_items[static_cast<size_t>(index)]; }
    Result<Picture8> picture(int64_t index) const override {
        const auto after = std::ranges::upper_bound(m_starts, index);
        return m_sets[static_cast<size_t>(after - m_starts.begin()) - 1]->picture(index - *std::prev(after));
    }
    const std::vector<std::string>& classNames() const override { return m_classNames; }
    std::string fingerprint() const override {
        Fingerprint print;
        for (const auto& set : m_sets) print.add(set->fingerprint());
        return print.text();
    }
    const std::vector<std::string>& remarks() const override { return m_remarks; }

private:
    std::vector<std::unique_ptr<PictureSet>> m_sets;
    std::vector<int64_t> m_starts;
    std::vector<TrainingItem> m_items;
    std::vector<std::string> m_classNames, m_remarks;
};

}  // namespace

Result<std::unique_ptr<PictureSet>> openPictureSet(const std::string& path) {
    return guarded([&]() -> std::unique_ptr<PictureSet> {
        std::error_code code;
        const fs::file_status status = fs::status(path, code);
        if (!fs::exists(status))
            throw EngineException(
                ErrorCode::NotFound,
                fmt::format("there is no data set '{}'; give a folder of pictures or a tar shard", path));
        if (fs::is_directory(status)) {
            const std::vector<fs::path> shards = shardsIn(path);
            return shards.empty() ? openFolderSet(path) : openTarSet(shards, path);
        }
        if (fs::path(path).extension() != ".tar")
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format(
                    "'{}' is no data set; expected a folder of pictures or a shard named *.tar (unpacked, not .tar.gz)",
                    path));
        return openTarSet({path}, fs::absolute(path).parent_path());
    });
}

Result<std::unique_ptr<PictureSet>> joinPictureSets(std::vector<std::unique_ptr<PictureSet>> sets) {
    if (sets.empty()) return {ErrorCode::InvalidArgument, "no data set was given; name at least one"};
    return guarded([&]() -> std::unique_ptr<PictureSet> {
        if (sets.size() == 1) return std::move(sets.front());
        return std::make_unique<JoinedSet>(std::move(sets));
    });
}

}  // namespace moescope
