// SPDX-License-Identifier: Apache-2.0
// Reads parts of a session file in place: manifest and index at once, records and evaluations when asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"
#include "engine/trace/run_record.h"

namespace moescope {

/// What the index says of one routing record.
struct SessionRecordInfo {
    int evaluation = 0;
    Branch branch = Branch::Cond;
    int network = 0;
    int layer = 0;
    int pool = -1;
    bool assignments = false, scores = false, norms = false;  // what was kept besides counts and gate mass
};

/// Const after opening, safe to read from several threads. The file stays mapped while it lives; nothing but the
/// manifest and the index is held in memory. Every value that is handed out was checked; a damaged part is an error
/// with a sentence.
class SessionReader {
public:
    static Result<std::shared_ptr<const SessionReader>> open(const std::filesystem::path& path);
    static Result<std::shared_ptr<const SessionReader>> open(std::shared_ptr<const MappedFile> file);
    ~SessionReader();

    /// Everything but the tensors: parameters, layers, evaluation infos; no records, no latents, no pictures.
    const RunRecord& run() const;
    /// Program and version that wrote the file.
    const std::string& writer() const;

    /// In the order of capture.
    const std::vector<SessionRecordInfo>& records() const;
    /// Number of that record; nothing when it was not captured.
    std::optional<size_t> find(int evaluation, Branch branch, int layer) const;
    Result<std::shared_ptr<const RoutingRecord>> record(size_t number) const;
    /// The record's counts and gate mass only, for maps over the whole run.
    Result<std::shared_ptr<const RoutingRecord>> recordLoad(size_t number) const;

    bool hasLatents() const;
    bool hasPreviews() const;
    /// Latents and preview as far as they were kept.
    Result<EvaluationRecord> evaluation(int index) const;
    /// The preview of one image; an error when there are none.
    Result<Picture> preview(int evaluation, int64_t image) const;
    /// Empty when the run was cancelled.
    Result<HostTensor> finalLatents() const;
    /// [images] with empty ones where no picture was decoded; none at all when there is none.
    Result<std::vector<Picture>> pictures() const;

    Result<std::shared_ptr<const RunRecord>> readAll() const;

private:
    struct Contents;
    explicit SessionReader(std::unique_ptr<Contents> contents);
    std::unique_ptr<Contents> m_contents;
};

}  // namespace moescope
