// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/io/atomic_file.h"
#include "viz/aggregate/token_map.h"
#include "viz/export/routing_export.h"

namespace moescope {
namespace {

constexpr size_t flushAt = size_t{1} << 20;
constexpr std::string_view header =
    "evaluation,step,stage,timestep,branch,network,block,moe_index,image,token,kind,row,col,expert,gate";

/// Rows of one record; all of it has the same beginning.
void appendRecord(fmt::memory_buffer& out, const RunRecord& run, const RoutingRecord& record) {
    const MoeLayerDescriptor& layer = run.routing.layers[static_cast<size_t>(record.layer)];
    const EvaluationInfo& info = run.evaluations[static_cast<size_t>(record.evaluation)].info;
    const std::string prefix =
        fmt::format("{},{},{},{},{},{},{},{}", record.evaluation, info.step, info.stage, info.timestep,
                    branchName(record.branch), record.network, layer.block, layer.moeIndex);
    const std::vector<TokenPlace> places = tokenPlaces(layer);
    for (size_t row = 0; row + 1 < record.rowPtr.size(); ++row) {
        const TokenPlace& place = places[row % places.size()];
        const std::string cell = place.row < 0 ? std::string(",") : fmt::format("{},{}", place.row, place.col);
        for (uint32_t i = record.rowPtr[row]; i < record.rowPtr[row + 1]; ++i)
            fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{}\n", prefix, row / places.size(),
                           row % places.size(), tokenKindName(place.kind), cell, record.expert[i], record.gate[i]);
    }
}

}  // namespace

Status exportRoutingCsv(const RunRecord& run, const std::filesystem::path& path) {
    const auto& records = run.routing.records;
    const bool assignments =
        std::any_of(records.begin(), records.end(), [](const auto& record) { return !record->rowPtr.empty(); });
    if (!assignments)
        return {
            ErrorCode::InvalidArgument,
            fmt::format("{} needs which expert took which token, and this run {}; {}", path.filename().string(),
                        records.empty() ? "has no routing at all" : "kept only the counts",
                        records.empty() ? "run a model with experts" : "capture assignments, or export .json or .npz")};
    const auto written = guarded([&] {
        AtomicFile file = AtomicFile::create(path).orThrow();
        fmt::memory_buffer buffer;
        const auto flush = [&] {
            file.write(std::string_view(buffer.data(), buffer.size())).orThrow();
            buffer.clear();
        };
        fmt::format_to(std::back_inserter(buffer), "{}\n", header);
        for (const auto& record : records) {
            appendRecord(buffer, run, *record);
            if (buffer.size() >= flushAt) flush();
        }
        flush();
        file.commit().orThrow();
        return true;
    });
    return written ? Status() : Status(written.error());
}

}  // namespace moescope
