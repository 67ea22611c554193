// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <type_traits>
#include <vector>

#include "viz/aggregate/load.h"
#include "viz/export/routing_export.h"
#include "viz/export/routing_json.h"
#include "viz/export/zip_writer.h"

namespace moescope {
namespace {

using Records = std::vector<std::shared_ptr<const RoutingRecord>>;

/// numpy's name of a little-endian element type: "<f4".
template <class T>
std::string descr() {
    return fmt::format("<{}{}", std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u', sizeof(T));
}

/// The head of a .npy file, format version 1.0: magic, length, and a Python dictionary padded to a multiple of 64.
std::string npyHead(const std::string& type, const Shape& shape) {
    const std::string dimensions =
        shape.size() == 1 ? fmt::format("({},)", shape[0]) : fmt::format("({})", fmt::join(shape, ", "));
    std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, dimensions);
    constexpr size_t before = 10;
    text.append((64 - (before + text.size() + 1) % 64) % 64, ' ');
    text += '\n';
    std::string head("\x93NUMPY\x01\x00", 8);
    head += static_cast<char>(text.size() & 0xff);
    head += static_cast<char>(text.size() >> 8);
    return head + text;
}

/// Writes arrays as members of the archive; throws on the first failure.
class NpzWriter {
public:
    explicit NpzWriter(ZipWriter& zip) : m_zip(zip) {}

    template <class T>
    void array(const std::string& name, const std::vector<T>& values, Shape shape = {}) {
        if (shape.empty()) shape = {static_cast<int64_t>(values.size())};
        begin<T>(name, shape);
        m_zip.write(std::as_bytes(std::span(values))).orThrow();
        m_zip.end().orThrow();
    }

    /// The same part of every record, one after the other.
    template <class T>
    void joined(const std::string& name, const Records& records, std::vector<T> RoutingRecord::*part) {
        int64_t total = 0;
        for (const auto& record : records) total += static_cast<int64_t>(((*record).*part).size());
        begin<T>(name, {total});
        for (const auto& record : records) m_zip.write(std::as_bytes(std::span((*record).*part))).orThrow();
        m_zip.end().orThrow();
    }

    void text(const std::string& member, const std::string& content) {
        m_zip.begin(member, content.size()).orThrow();
        m_zip.write(std::as_bytes(std::span(content))).orThrow();
        m_zip.end().orThrow();
    }

private:
    template <class T>
    void begin(const std::string& name, const Shape& shape) {
        const std::string head = npyHead(descr<T>(), shape);
        m_zip.begin(name + ".npy", head.size() + static_cast<uint64_t>(elementCount(shape)) * sizeof(T)).orThrow();
        m_zip.write(std::as_bytes(std::span(head))).orThrow();
    }

    ZipWriter& m_zip;
};

/// One number of each of `owners`.
template <class T, class Owners, class Part>
std::vector<T> column(const Owners& owners, Part part) {
    std::vector<T> values;
    for (const auto& owner : owners) values.push_back(static_cast<T>(part(owner)));
    return values;
}

/// Where each record's part starts when all are joined; -1 where it was not captured.
template <class T>
std::vector<int64_t> starts(const Records& records, std::vector<T> RoutingRecord::*part) {
    std::vector<int64_t> result;
    int64_t next = 0;
    for (const auto& record : records) {
        const auto size = static_cast<int64_t>(((*record).*part).size());
        result.push_back(size == 0 ? -1 : next);
        next += size;
    }
    return result;
}

/// Pairs start where they would be also when no token found an expert, as long as assignments were captured.
std::vector<int64_t> pairStarts(const Records& records) {
    std::vector<int64_t> result;
    int64_t next = 0;
    for (const auto& record : records) {
        result.push_back(record->rowPtr.empty() ? -1 : next);
        next += static_cast<int64_t>(record->expert.size());
    }
    return result;
}

/// [V, L, E] load of one branch.
void denseLoad(NpzWriter& npz, const std::string& name, const RunRecord& run, LoadQuery query) {
    const RoutingTrace& trace = run.routing;
    int64_t experts = 0;
    for (const MoeLayerDescriptor& layer : trace.layers) experts = std::max(experts, layer.experts);
    const auto layers = static_cast<int64_t>(trace.layers.size());
    const auto evaluations = static_cast<int64_t>(run.evaluations.size());
    std::vector<double> values(static_cast<size_t>(evaluations * layers * experts), noData);
    for (int64_t layer = 0; layer < layers; ++layer) {
        const Matrix load = loadOverEvaluations(trace, static_cast<int>(layer), query);
        for (int64_t evaluation = 0; evaluation < std::min(load.cols, evaluations); ++evaluation)
            for (int64_t expert = 0; expert < load.rows; ++expert)
                values[static_cast<size_t>((evaluation * layers + layer) * experts + expert)] =
                    load.at(expert, evaluation);
    }
    npz.array(name, values, {evaluations, layers, experts});
}

void writeDescriptors(NpzWriter& npz, const RunRecord& run) {
    const auto evaluation = [&](auto part) {
        return [part](const EvaluationRecord& record) { return record.info.*part; };
    };
    npz.array("evaluation_step", column<int32_t>(run.evaluations, evaluation(&EvaluationInfo::step)));
    npz.array("evaluation_stage", column<int32_t>(run.evaluations, evaluation(&EvaluationInfo::stage)));
    npz.array("evaluation_timestep", column<float>(run.evaluations, evaluation(&EvaluationInfo::timestep)));
    npz.array("evaluation_noise_level", column<float>(run.evaluations, evaluation(&EvaluationInfo::noiseLevel)));
    npz.array("evaluation_cfg_scale", column<double>(run.evaluations, evaluation(&EvaluationInfo::cfgScale)));
    const auto& layers = run.routing.layers;
    using Layer = MoeLayerDescriptor;
    npz.array("layer_network", column<int64_t>(layers, [](const Layer& l) { return l.network; }));
    npz.array("layer_block", column<int64_t>(layers, [](const Layer& l) { return l.block; }));
    npz.array("layer_moe_index", column<int64_t>(layers, [](const Layer& l) { return l.moeIndex; }));
    npz.array("layer_experts", column<int64_t>(layers, [](const Layer& l) { return l.experts; }));
    npz.array("layer_top_k", column<int64_t>(layers, [](const Layer& l) { return l.topK; }));
    npz.array("layer_capacity", column<int64_t>(layers, [](const Layer& l) { return l.capacity; }));
    npz.array("layer_unconditional_expert", column<int64_t>(layers, [](const Layer& l) { return l.unconditionalExpert; }));
    npz.array("layer_tokens", column<int64_t>(layers, [](const Layer& l) { return l.tokensPerSample(); }));
}

void writeRecords(NpzWriter& npz, const Records& records) {
    using Record = std::shared_ptr<const RoutingRecord>;
    npz.array("record_evaluation", column<int32_t>(records, [](const Record& r) { return r->evaluation; }));
    npz.array("record_branch", column<int32_t>(records, [](const Record& r) { return static_cast<int>(r->branch); }));
    npz.array("record_network", column<int32_t>(records, [](const Record& r) { return r->network; }));
    npz.array("record_layer", column<int32_t>(records, [](const Record& r) { return r->layer; }));
    npz.array("record_pool", column<int32_t>(records, [](const Record& r) { return r->pool; }));
    npz.array("record_counts_start", starts(records, &RoutingRecord::counts));
    npz.array("record_row_ptr_start", starts(records, &RoutingRecord::rowPtr));
    npz.array("record_pairs_start", pairStarts(records));
    npz.array("record_scores_start", starts(records, &RoutingRecord::scores));
    npz.array("record_input_norm_start", starts(records, &RoutingRecord::inputNorm));
    npz.array("record_routed_norm_start", starts(records, &RoutingRecord::routedNorm));
    npz.array("record_shared_norm_start", starts(records, &RoutingRecord::sharedNorm));
    npz.joined("counts", records, &RoutingRecord::counts);
    npz.joined("mass", records, &RoutingRecord::mass);
    npz.joined("row_ptr", records, &RoutingRecord::rowPtr);
    npz.joined("expert", records, &RoutingRecord::expert);
    npz.joined("gate", records, &RoutingRecord::gate);
    npz.joined("scores", records, &RoutingRecord::scores);
    npz.joined("input_norm", records, &RoutingRecord::inputNorm);
    npz.joined("routed_norm", records, &RoutingRecord::routedNorm);
    npz.joined("shared_norm", records, &RoutingRecord::sharedNorm);
}

}  // namespace

Status exportRoutingNpz(const RunRecord& run, const std::filesystem::path& path) {
    const auto written = guarded([&] {
        ZipWriter zip = ZipWriter::create(path).orThrow();
        NpzWriter npz(zip);
        writeDescriptors(npz, run);
        writeRecords(npz, run.routing.records);
        denseLoad(npz, "load_cond", run, {});
        denseLoad(npz, "load_uncond", run, {.branch = BranchChoice::Uncond});
        denseLoad(npz, "mass_cond", run, {.measure = LoadMeasure::GateMass});
        denseLoad(npz, "mass_uncond", run, {.measure = LoadMeasure::GateMass, .branch = BranchChoice::Uncond});
        npz.text("descriptors.json",
                 routingJson(run, false).dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
        zip.finish().orThrow();
        return true;
    });
    return written ? Status() : Status(written.error());
}

Status exportRouting(const RunRecord& run, const std::filesystem::path& path) {
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (extension == ".npz") return exportRoutingNpz(run, path);
    if (extension == ".csv") return exportRoutingCsv(run, path);
    if (extension == ".json") return exportRoutingJson(run, path);
    return {ErrorCode::InvalidArgument,
            fmt::format("routing is exported as .npz, .csv or .json, not as \"{}\"; choose one of them",
                        path.filename().string())};
}

}  // namespace moescope
