// SPDX-License-Identifier: Apache-2.0
// A folder of pictures as a set.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "engine/data/item_labels.h"
#include "engine/data/picture_decode.h"
#include "engine/data/stored_set.h"
#include "engine/ensemble/json_fields.h"
#include "engine/io/utf8.h"

namespace moescope {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kMostCaptionBytes = uint64_t{1} << 20;
constexpr uint64_t kMostMetadataBytes = uint64_t{2} << 30;

struct Found {
    std::vector<fs::path> pictures, metadata;  // relative to the folder
};

[[noreturn]] void refuseFolder(const fs::path& folder, const std::error_code& code) {
    throw EngineException(code == std::errc::no_such_file_or_directory ? ErrorCode::NotFound : ErrorCode::Io,
                          fmt::format("the folder '{}' can not be read ({}); check the path and its permissions",
                                      folder.string(), code.message()));
}

Found filesIn(const fs::path& folder, Remarks& remarks) {
    Found found;
    std::vector<fs::path> waiting{fs::path()};
    while (!waiting.empty()) {
        const fs::path inside = waiting.back();
        waiting.pop_back();
        std::error_code code;
        fs::directory_iterator entry(folder / inside, code);
        if (code) {
            if (inside.empty()) refuseFolder(folder, code);
            remarks.add(fmt::format("the folder '{}' can not be read ({}) and was passed over", inside.string(),
                                    code.message()));
            continue;
        }
        for (const fs::directory_iterator end; !code && entry != end; entry.increment(code)) {
            const fs::path name = inside / entry->path().filename();
            std::error_code ignored;
            if (entry->path().filename().string().starts_with('.')) continue;
            if (entry->is_directory(ignored)) {
                if (!entry->is_symlink(ignored)) waiting.push_back(name);
            } else if (!entry->is_regular_file(ignored)) {
                continue;
            } else if (name.filename() == "metadata.jsonl") {
                found.metadata.push_back(name);
            } else if (isPictureName(name.string())) {
                found.pictures.push_back(name);
            }
        }
        if (code) refuseFolder(folder / inside, code);
    }
    // By the bytes of their names: a locale must not change the order.
    const auto byName = [](const fs::path& a, const fs::path& b) { return a.generic_string() < b.generic_string(); };
    std::ranges::sort(found.pictures, byName);
    std::ranges::sort(found.metadata, byName);
    return found;
}

/// Facts by the picture's name inside the folder.
std::map<std::string, StoredFacts> readMetadata(const fs::path& folder, const std::vector<fs::path>& files) {
    std::map<std::string, StoredFacts> facts;
    for (const fs::path& file : files) {
        const std::string text = readTextFile(folder / file, kMostMetadataBytes);
        std::string_view rest = text;
        for (int64_t number = 1; !rest.empty(); ++number) {
            const size_t end = std::min(rest.find('\n'), rest.size());
            const std::string_view line = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
            const std::string where = fmt::format("line {} of {}", number, file.string());
            const nlohmann::json json = parseShallowJson(line);
            if (json.is_discarded())
                throw EngineException(
                    ErrorCode::Format,
                    fmt::format("{} is not JSON; every line has to be an object with the field \"file_name\"", where));
            StoredFacts about = factsFrom(json, where);
            const auto name = json.find("file_name");
            if (name == json.end() || !name->is_string())
                throw EngineException(
                    ErrorCode::Format,
                    fmt::format("{} has no text \"file_name\"; name the picture that it is about", where));
            facts[(file.parent_path() / name->get<std::string>()).lexically_normal().generic_string()] =
                std::move(about);
        }
    }
    return facts;
}

class FolderSet final : public StoredSet {
public:
    explicit FolderSet(const fs::path& folder) : m_folder(folder) {
        Remarks remarks;
        const Found found = filesIn(folder, remarks);
        if (found.pictures.empty())
            throw EngineException(ErrorCode::NotFound,
                                  fmt::format("the folder '{}' holds no picture (*.png, *.jpg, *.jpeg or *.webp) and "
                                              "no shard (*.tar); give another folder",
                                              folder.string()));
        m_background = storedBackground(folder);
        std::map<std::string, StoredFacts> told = readMetadata(folder, found.metadata);
        std::vector<StoredLabel> labels;
        for (const fs::path& picture : found.pictures) {
            TrainingItem item;
            item.key = picture.generic_string();
            StoredLabel label;
            if (const auto facts = told.find(item.key); facts != told.end()) {
                label = std::move(facts->second.label);
                item.captions = std::move(facts->second.captions);
                told.erase(facts);
            } else if (found.metadata.empty() && picture.has_parent_path()) {
                label = picture.begin()->string();
            }
            readCaptions(picture, item, remarks);
            labels.push_back(std::move(label));
            m_items.push_back(std::move(item));
        }
        for (const auto& [name, unused] : told)
            remarks.add(fmt::format("metadata.jsonl tells about '{}', which is not there", name));
        m_classNames = numberLabels(labels, folder, m_items);
        m_remarks = std::move(remarks).finished();
    }

    Result<Picture8> picture(int64_t index) const override {
        return guarded([&] {
            const std::string bytes = readTextFile(m_folder / item(index).key, maxEncodedBytes);
            return decodePicture(std::as_bytes(std::span(bytes)), m_background).orThrow();
        });
    }

    std::string fingerprint() const override {
        Fingerprint print;
        for (const TrainingItem& item : m_items) {
            std::error_code code;
            print.add(item.key);
            print.add(static_cast<uint64_t>(fs::file_size(m_folder / item.key, code)));
            print.add(static_cast<uint64_t>(fs::last_write_time(m_folder / item.key, code).time_since_epoch().count()));
        }
        return print.text();
    }

private:
    void readCaptions(const fs::path& picture, TrainingItem& item, Remarks& remarks) const {
        const fs::path file = (m_folder / picture).replace_extension(".txt");
        std::error_code code;
        if (!fs::is_regular_file(file, code)) return;
        const auto text = guarded([&] { return readTextFile(file, kMostCaptionBytes); });
        if (!text) return remarks.add(text.error().message);
        if (!isUtf8(*text))
            remarks.add(fmt::format("'{}' is not UTF-8 text; its other bytes were replaced", file.filename().string()));
        for (std::string& line : captionLines(*text)) item.captions.push_back(std::move(line));
    }

    fs::path m_folder;
};

}  // namespace

std::unique_ptr<PictureSet> openFolderSet(const fs::path& folder) {
    return std::make_unique<FolderSet>(folder);
}

}  // namespace moescope
