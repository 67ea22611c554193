// SPDX-License-Identifier: Apache-2.0
// The shape of a session file: names of its tensors, columns of its tables, and the manifest. Described for users in
// resources/help/session-format.md.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/trace/run_record.h"

namespace moescope::session {

inline constexpr std::string_view schemaPrefix = "moescope.session/v";
inline constexpr int schemaVersion = 1;
/// Keys of the safetensors metadata.
inline constexpr const char* schemaKey = "schema";
inline constexpr const char* manifestKey = "manifest";

inline constexpr const char* recordsTensor = "routing.records";         // I32 [records, 5]
inline constexpr const char* indexTensor = "routing.index";             // I64 [records, 8]
inline constexpr const char* countsTensor = "routing.counts";           // I32
inline constexpr const char* massTensor = "routing.mass";               // F32, at the starts of counts
inline constexpr const char* rowPtrTensor = "routing.row_ptr";          // U32
inline constexpr const char* expertTensor = "routing.expert";           // U16
inline constexpr const char* gateTensor = "routing.gate";               // F32, at the starts of expert
inline constexpr const char* scoresTensor = "routing.scores";           // F32
inline constexpr const char* inputNormTensor = "routing.input_norm";    // F32
inline constexpr const char* routedNormTensor = "routing.routed_norm";  // F32
inline constexpr const char* sharedNormTensor = "routing.shared_norm";  // F32
inline constexpr const char* noisyTensor = "latents.noisy";             // F16 or F32 [evaluations, images, C, H, W]
inline constexpr const char* velocityTensor = "latents.velocity";       // the same
inline constexpr const char* finalTensor = "latents.final";             // F32 [images, C, H, W]
inline constexpr const char* previewsTensor = "previews";               // U8 [evaluations, images, h, w, 3]
inline constexpr const char* picturesTensor = "pictures";               // U8 [pictures, H, W, 3]

/// Columns of `routing.records`.
enum RecordColumn { ColumnEvaluation, ColumnBranch, ColumnNetwork, ColumnLayer, ColumnPool, RecordColumns };

/// Columns of `routing.index`: where a record's part starts in its tensor, in elements; -1 when it was not captured.
enum IndexColumn {
    IndexCounts,
    IndexRowPtr,
    IndexPairs,
    IndexPairCount,  // a number, not a start; 0 without assignments
    IndexScores,
    IndexInputNorm,
    IndexRoutedNorm,
    IndexSharedNorm,
    IndexColumns
};
using IndexRow = std::array<int64_t, IndexColumns>;

/// Bounds that no real run comes near; they keep a hostile file from asking for absurd memory.
inline constexpr int64_t mostImages = 65536;
inline constexpr int64_t mostExperts = 65536;  // indices are 16 bits
inline constexpr int64_t mostTokens = int64_t{1} << 20;
inline constexpr int64_t mostEvaluations = 1'000'000;
inline constexpr size_t longestManifest = size_t{64} << 20;

/// What the manifest says of a run: a RunRecord without any of its tensors, and where its pictures belong.
struct Manifest {
    RunRecord run;                       // evaluations hold their info only; routing has layers and no records
    std::vector<int64_t> pictureImages;  // image of the batch of each stored picture
    std::string writer;                  // program and version
};

/// One layer and one evaluation as the manifest writes them; exports use the same words.
nlohmann::json toJson(const MoeLayerDescriptor& layer);
nlohmann::json toJson(const EvaluationInfo& info);

/// The manifest as JSON text; names and hashes only, never a folder.
std::string manifestText(const RunRecord& run, const std::vector<int64_t>& pictureImages);

/// `schema` is the text behind the metadata key; `file` the name for messages. Throws EngineException.
void checkSchema(const std::string& schema, const std::string& file);
Manifest parseManifest(const std::string& text, const std::string& file);

/// Why the record does not fit the run's layers, or an empty text. Checks every size and every index.
std::string recordProblem(const RoutingRecord& record, const RoutingTrace& trace, int64_t evaluations);

}  // namespace moescope::session
