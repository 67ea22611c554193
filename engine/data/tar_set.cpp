// SPDX-License-Identifier: Apache-2.0
// Tar shards in the layout of webdataset as a set.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "engine/data/item_labels.h"
#include "engine/data/picture_decode.h"
#include "engine/data/stored_set.h"
#include "engine/data/tar_reader.h"
#include "engine/ensemble/json_fields.h"
#include "engine/io/mapped_file.h"

namespace moescope {

namespace fs = std::filesystem;

namespace {

/// "a/b.c.TXT" -> "a/b" and "c.txt": what stands before the first dot of the name belongs together.
std::pair<std::string, std::string> stemAndEnding(const std::string& name) {
    const size_t slash = name.rfind('/');
    const size_t start = slash == std::string::npos ? 0 : slash + 1;
    const size_t dot = name.find('.', start + 1);
    if (dot == std::string::npos) return {name, {}};
    std::string ending = name.substr(dot + 1);
    std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return {name.substr(0, dot), ending};
}

StoredLabel labelFromText(std::string_view text) {
    const std::vector<std::string> lines = captionLines(text);
    if (lines.empty()) return {};
    int64_t number = 0;
    const std::string& line = lines.front();
    const auto read = std::from_chars(line.data(), line.data() + line.size(), number);
    if (read.ec == std::errc{} && read.ptr == line.data() + line.size() && number >= 0 && number < 100'000)
        return number;
    return line;
}

class TarSet final : public StoredSet {
public:
    TarSet(const std::vector<fs::path>& shards, const fs::path& folder) {
        m_background = storedBackground(folder);
        std::vector<StoredLabel> labels;
        Remarks remarks;
        for (const fs::path& shard : shards) addShard(shard, labels, remarks);
        if (m_items.empty()) {
            const std::vector<std::string> told = std::move(remarks).finished();
            throw EngineException(
                told.empty() ? ErrorCode::NotFound : ErrorCode::Format,
                fmt::format(
                    "'{}' holds no picture (*.png, *.jpg, *.jpeg or *.webp) in its {} tar file{}{}; give other shards",
                    folder.string(), shards.size(), shards.size() == 1 ? "" : "s",
                    told.empty() ? std::string() : fmt::format(" ({})", told.front())));
        }
        m_classNames = numberLabels(labels, folder, m_items);
        m_remarks = std::move(remarks).finished();
    }

    Result<Picture8> picture(int64_t index) const override {
        return guarded([&] {
            const Place& place = m_places[static_cast<size_t>(index)];
            const std::string bytes = readTarMember(m_shards[place.shard]->bytes(), place.member, maxEncodedBytes);
            return decodePicture(std::as_bytes(std::span(bytes)), m_background).orThrow();
        });
    }

    std::string fingerprint() const override {
        Fingerprint print;
        for (const auto& shard : m_shards) {
            std::error_code code;
            print.add(shard->name());
            print.add(shard->size());
            print.add(static_cast<uint64_t>(fs::last_write_time(shard->path(), code).time_since_epoch().count()));
        }
        return print.text();
    }

private:
    struct Place {
        size_t shard = 0;
        TarMember member;
    };
    struct Sample {
        TarMember picture;  // without a name until one is found
        StoredFacts facts;
    };

    void addShard(const fs::path& path, std::vector<StoredLabel>& labels, Remarks& remarks) {
        const auto shard = MappedFile::open(path).orThrow();
        std::vector<std::string> order;  // of stems, as they first appear
        std::unordered_map<std::string, Sample> samples;
        const std::string broken =
            visitTar(shard->bytes(), [&](const TarMember& member, const std::function<std::string()>& content) {
                const auto [stem, ending] = stemAndEnding(member.name);
                const auto [found, added] = samples.try_emplace(stem);
                if (added) order.push_back(stem);
                // What is wrong with one member's words is told; the picture stays.
                const auto read = guarded([&] { return addMember(found->second, member, ending, content), 0; });
                if (!read)
                    remarks.add(
                        fmt::format("{}: '{}' was passed over: {}", shard->name(), member.name, read.error().message));
            });
        const auto pictures =
            std::ranges::count_if(samples, [](const auto& entry) { return !entry.second.picture.name.empty(); });
        if (!broken.empty())
            remarks.add(fmt::format("only {} pictures of the shard {} can be read ({}); fetch it again", pictures,
                                    shard->name(), broken));
        for (const std::string& stem : order) {
            Sample& sample = samples.at(stem);
            if (sample.picture.name.empty()) continue;
            m_items.push_back(
                {fmt::format("{}/{}", shard->name(), sample.picture.name), -1, std::move(sample.facts.captions)});
            labels.push_back(std::move(sample.facts.label));
            m_places.push_back({m_shards.size(), std::move(sample.picture)});
        }
        m_shards.push_back(shard);
    }

    static void addMember(Sample& sample, const TarMember& member, const std::string& ending,
                          const std::function<std::string()>& content) {
        if (isPictureName("." + ending)) {
            if (sample.picture.name.empty()) sample.picture = member;
        } else if (ending == "txt" || ending == "caption") {
            for (std::string& line : captionLines(content())) sample.facts.captions.push_back(std::move(line));
        } else if (ending == "cls") {
            sample.facts.label = labelFromText(content());
        } else if (ending == "json") {
            const nlohmann::json json = parseShallowJson(content());
            if (json.is_discarded()) throw EngineException(ErrorCode::Format, "it is not JSON");
            StoredFacts facts = factsFrom(json, "it");
            sample.facts.captions.insert(sample.facts.captions.end(), facts.captions.begin(), facts.captions.end());
            if (facts.label.index() != 0 && sample.facts.label.index() == 0)
                sample.facts.label = std::move(facts.label);
        }
    }

    std::vector<std::shared_ptr<const MappedFile>> m_shards;
    std::vector<Place> m_places;
};

}  // namespace

std::unique_ptr<PictureSet> openTarSet(const std::vector<fs::path>& shards, const fs::path& folder) {
    return std::make_unique<TarSet>(shards, folder);
}

}  // namespace moescope
