// SPDX-License-Identifier: Apache-2.0
#include "engine/io/session_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "engine/io/safetensors_writer.h"
#include "engine/io/session_format.h"
#include "engine/io/session_reader.h"

namespace moescope {
namespace {

using namespace session;
using Sink = SafetensorsEntry::Sink;
using Bytes = std::span<const std::byte>;

template <class T>
Bytes bytesOf(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

/// Collects small pieces, so that thousands of records do not become thousands of system calls.
class Pieces {
public:
    explicit Pieces(const Sink& sink) : m_sink(sink) { m_buffer.reserve(flushAt); }
    void add(Bytes bytes) {
        if (bytes.size() >= flushAt) {
            flush();
            m_sink(bytes);
            return;
        }
        m_buffer.insert(m_buffer.end(), bytes.begin(), bytes.end());
        if (m_buffer.size() >= flushAt) flush();
    }
    void flush() {
        if (!m_buffer.empty()) m_sink(m_buffer);
        m_buffer.clear();
    }

private:
    static constexpr size_t flushAt = size_t{1} << 20;
    const Sink& m_sink;
    std::vector<std::byte> m_buffer;
};

/// An entry made of one part of each of `owners`, in their order. `owners` must outlive the writing.
template <class Owners, class Part>
SafetensorsEntry concatenated(const char* name, DType dtype, Shape shape, const Owners& owners, Part part) {
    return {name, dtype, std::move(shape), [&owners, part](const Sink& sink) {
                Pieces pieces(sink);
                for (const auto& owner : owners) pieces.add(part(owner));
                pieces.flush();
                return Status();
            }};
}

[[noreturn]] void unfit(const std::string& what) {
    throw EngineException(ErrorCode::InvalidArgument, "the run cannot be saved as a session: " + what);
}

/// Images of the batch whose picture is there; all pictures have one size.
std::vector<int64_t> picturesPresent(const RunRecord& run) {
    std::vector<int64_t> images;
    if (run.pictures.size() > static_cast<size_t>(run.images))
        unfit(fmt::format("{} pictures of {} images", run.pictures.size(), run.images));
    for (size_t image = 0; image < run.pictures.size(); ++image) {
        const Picture& picture = run.pictures[image];
        if (picture.rgb.empty()) continue;
        if (picture.width <= 0 || picture.height <= 0 ||
            picture.rgb.size() != static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3)
            unfit(fmt::format("picture {} has {} bytes for {} x {}", image, picture.rgb.size(), picture.width,
                              picture.height));
        if (!images.empty()) {
            const Picture& first = run.pictures[static_cast<size_t>(images[0])];
            if (picture.width != first.width || picture.height != first.height) unfit("its pictures differ in size");
        }
        images.push_back(static_cast<int64_t>(image));
    }
    return images;
}

/// Whether a tensor of each evaluation was kept: all or none of them, each of `bytes`.
template <class Part>
bool keptByAll(const RunRecord& run, const char* what, size_t bytes, Part part) {
    const auto has = [&](const EvaluationRecord& evaluation) { return !part(evaluation).empty(); };
    if (std::none_of(run.evaluations.begin(), run.evaluations.end(), has)) return false;
    for (const EvaluationRecord& evaluation : run.evaluations)
        if (part(evaluation).size() != bytes)
            unfit(fmt::format("{} of evaluation {} has {} bytes where {} are needed", what, evaluation.info.index,
                              part(evaluation).size(), bytes));
    return true;
}

void checkRun(const RunRecord& run) {
    if (run.images < 1 || run.images > mostImages) unfit(fmt::format("it has {} images", run.images));
    if (run.routing.images != run.images && !run.routing.records.empty())
        unfit(fmt::format("{} images with the routing of {}", run.images, run.routing.images));
    if (run.latentShape.size() != 3) unfit("its latents do not have the shape C, H, W");
    for (size_t i = 0; i < run.evaluations.size(); ++i)
        if (run.evaluations[i].info.index != static_cast<int>(i))
            unfit(fmt::format("evaluation {} is numbered {}", i, run.evaluations[i].info.index));
    for (size_t i = 0; i < run.routing.records.size(); ++i) {
        const std::string problem =
            recordProblem(*run.routing.records[i], run.routing, static_cast<int64_t>(run.evaluations.size()));
        if (!problem.empty()) unfit(fmt::format("routing record {} has {}", i, problem));
    }
}

/// The tables of the records: who they are, and where their parts start.
struct Tables {
    std::vector<int32_t> records;  // [records, RecordColumns]
    std::vector<int64_t> index;    // [records, IndexColumns]
    IndexRow totals{};             // elements of each concatenated tensor
};

Tables makeTables(const RoutingTrace& trace) {
    Tables tables;
    for (const auto& record : trace.records) {
        for (int value :
             {record->evaluation, static_cast<int>(record->branch), record->network, record->layer, record->pool})
            tables.records.push_back(value);
        IndexRow row;
        const auto place = [&](IndexColumn column, size_t size) {
            row[column] = size == 0 ? -1 : tables.totals[column];
            tables.totals[column] += static_cast<int64_t>(size);
        };
        place(IndexCounts, record->counts.size());
        place(IndexRowPtr, record->rowPtr.size());
        // A record whose tokens all have 0 experts has assignments and no pairs; its start is where they would be.
        row[IndexPairs] = record->rowPtr.empty() ? -1 : tables.totals[IndexPairs];
        row[IndexPairCount] = static_cast<int64_t>(record->expert.size());
        tables.totals[IndexPairs] += row[IndexPairCount];
        place(IndexScores, record->scores.size());
        place(IndexInputNorm, record->inputNorm.size());
        place(IndexRoutedNorm, record->routedNorm.size());
        place(IndexSharedNorm, record->sharedNorm.size());
        tables.index.insert(tables.index.end(), row.begin(), row.end());
    }
    return tables;
}

/// Tensors in falling order of element size, so that each starts at a multiple of its element and can be used in place.
std::vector<SafetensorsEntry> entriesOf(const RunRecord& run, const Tables& tables,
                                        const std::vector<int64_t>& pictureImages) {
    using Record = std::shared_ptr<const RoutingRecord>;
    const auto& records = run.routing.records;
    const auto recordCount = static_cast<int64_t>(records.size());
    const auto evaluations = static_cast<int64_t>(run.evaluations.size());
    std::vector<SafetensorsEntry> entries;
    const auto routing = [&](const char* name, DType dtype, IndexColumn total, auto part) {
        if (tables.totals[total] > 0)
            entries.push_back(concatenated(name, dtype, {tables.totals[total]}, records, part));
    };
    entries.push_back(safetensorsEntry(indexTensor, DType::I64, {recordCount, IndexColumns}, bytesOf(tables.index)));
    entries.push_back(
        safetensorsEntry(recordsTensor, DType::I32, {recordCount, RecordColumns}, bytesOf(tables.records)));
    routing(countsTensor, DType::I32, IndexCounts, [](const Record& r) { return bytesOf(r->counts); });
    routing(massTensor, DType::F32, IndexCounts, [](const Record& r) { return bytesOf(r->mass); });
    routing(rowPtrTensor, DType::U32, IndexRowPtr, [](const Record& r) { return bytesOf(r->rowPtr); });
    routing(gateTensor, DType::F32, IndexPairs, [](const Record& r) { return bytesOf(r->gate); });
    routing(scoresTensor, DType::F32, IndexScores, [](const Record& r) { return bytesOf(r->scores); });
    routing(inputNormTensor, DType::F32, IndexInputNorm, [](const Record& r) { return bytesOf(r->inputNorm); });
    routing(routedNormTensor, DType::F32, IndexRoutedNorm, [](const Record& r) { return bytesOf(r->routedNorm); });
    routing(sharedNormTensor, DType::F32, IndexSharedNorm, [](const Record& r) { return bytesOf(r->sharedNorm); });

    Shape batchShape{run.images};
    batchShape.insert(batchShape.end(), run.latentShape.begin(), run.latentShape.end());
    Shape keptShape{evaluations};
    keptShape.insert(keptShape.end(), batchShape.begin(), batchShape.end());
    if (!run.finalLatents.empty()) {
        if (run.finalLatents.shape != batchShape || run.finalLatents.size() != elementCount(batchShape))
            unfit(fmt::format("its final latents have the shape {}", shapeText(run.finalLatents.shape)));
        entries.push_back(safetensorsEntry(finalTensor, DType::F32, batchShape, bytesOf(run.finalLatents.data)));
    }
    const DType dtype = run.precision == LatentPrecision::F16 ? DType::F16 : DType::F32;
    const size_t latentBytes = static_cast<size_t>(elementCount(batchShape)) * dtypeSize(dtype);
    const auto noisy = [](const EvaluationRecord& e) { return Bytes(e.noisy); };
    const auto velocity = [](const EvaluationRecord& e) { return Bytes(e.velocity); };
    const auto preview = [](const EvaluationRecord& e) { return bytesOf(e.preview); };
    if (keptByAll(run, noisyTensor, latentBytes, noisy))
        entries.push_back(concatenated(noisyTensor, dtype, keptShape, run.evaluations, noisy));
    if (keptByAll(run, velocityTensor, latentBytes, velocity))
        entries.push_back(concatenated(velocityTensor, dtype, keptShape, run.evaluations, velocity));
    routing(expertTensor, DType::U16, IndexPairs, [](const Record& r) { return bytesOf(r->expert); });
    const auto previewBytes = static_cast<size_t>(run.images) * static_cast<size_t>(run.previewHeight) *
                              static_cast<size_t>(run.previewWidth) * 3;
    if (keptByAll(run, previewsTensor, previewBytes, preview))
        entries.push_back(concatenated(previewsTensor, DType::U8,
                                       {evaluations, run.images, run.previewHeight, run.previewWidth, 3},
                                       run.evaluations, preview));
    if (!pictureImages.empty()) {
        const Picture& first = run.pictures[static_cast<size_t>(pictureImages[0])];
        // Pictures that are not there have no bytes.
        entries.push_back(concatenated(picturesTensor, DType::U8,
                                       {static_cast<int64_t>(pictureImages.size()), first.height, first.width, 3},
                                       run.pictures, [](const Picture& p) { return bytesOf(p.rgb); }));
    }
    std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
        return dtypeSize(a.dtype) > dtypeSize(b.dtype);
    });
    return entries;
}

}  // namespace

Status saveSession(const RunRecord& run, const std::filesystem::path& path) {
    const auto saved = guarded([&] {
        checkRun(run);
        const std::vector<int64_t> pictureImages = picturesPresent(run);
        const Tables tables = makeTables(run.routing);
        const std::vector<SafetensorsEntry> entries = entriesOf(run, tables, pictureImages);
        writeSafetensors(path, entries,
                         {{schemaKey, fmt::format("{}{}", schemaPrefix, schemaVersion)},
                          {manifestKey, manifestText(run, pictureImages)}})
            .orThrow();
        return true;
    });
    return saved ? Status() : Status(saved.error());
}

Result<std::shared_ptr<const RunRecord>> openSession(const std::filesystem::path& path) {
    const auto reader = SessionReader::open(path);
    if (!reader) return reader.error();
    return (*reader)->readAll();
}

}  // namespace moescope
