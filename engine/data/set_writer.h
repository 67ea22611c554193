// SPDX-License-Identifier: Apache-2.0
// Writes a data set, which appears under its name only when it is complete.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/error.h"
#include "engine/data/picture_set.h"

namespace moescope {

enum class SetLayout {
    Folder,  // pictures in subfolders, metadata.jsonl
    Tar,     // webdataset shards
};

/// Called with pictures done and in all; false stops the work (Cancelled).
using SetProgress = std::function<bool(int64_t done, int64_t total)>;

struct SetTarget {
    std::filesystem::path folder;
    SetLayout layout = SetLayout::Folder;
    bool replace = false;      // a set that this program wrote earlier
    int64_t perShard = 10000;  // pictures of one tar file
};

/// What writing a set came to.
struct SetSummary {
    int64_t pictures = 0, classes = 0, captions = 0, prompts = 0;
};

/// Writes into "<folder>.<random>.part" beside the target; `finish` renames it, the destructor removes what was not
/// finished. One thread; functions throw EngineException with a sentence (NoSpace where the disk is full).
class SetWriter {
public:
    /// Refuses a target that is there already, unless it is an empty folder, or `replace` is set and it holds a
    /// dataset.json.
    explicit SetWriter(SetTarget target);
    ~SetWriter();
    SetWriter(const SetWriter&) = delete;

    /// The picture `stem`.png in the subfolder; `facts` are its fields in metadata.jsonl or its .json: "label",
    /// "captions", more.
    void add(const std::string& subfolder, const std::string& stem, const Picture8& picture,
             nlohmann::ordered_json facts);
    /// A file beside the pictures, such as labels.json.
    void addFile(const std::string& name, const std::string& text);
    void finish();

private:
    struct Shards;
    std::filesystem::path place(const std::string& name) const { return m_temporary / name; }

    SetTarget m_target;
    std::filesystem::path m_temporary;
    std::string m_metadata;
    std::unique_ptr<Shards> m_shards;
    std::string m_lastSubfolder;
    bool m_finished = false;
};

}  // namespace moescope
