// SPDX-License-Identifier: Apache-2.0
#include "engine/io/session_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "engine/io/safetensors_header.h"
#include "engine/io/session_format.h"

namespace moescope {

using namespace session;

namespace {

/// One stored tensor in the mapped file; empty `bytes` when the file has none.
struct StoredTensor {
    std::span<const std::byte> bytes;
    Shape shape;
    int64_t elements = 0;
    bool present = false;
};

using Place = std::tuple<int, int, int>;  // evaluation, branch, layer

[[noreturn]] void damaged(const std::string& file, const std::string& what) {
    throw EngineException(ErrorCode::Format,
                          fmt::format("{}: the session is damaged: {}; save or copy the session again", file, what));
}

/// Copies because a foreign writer need not align its tensors.
template <class T>
std::vector<T> copyElements(const StoredTensor& tensor, int64_t start, int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    if (count > 0)
        std::memcpy(values.data(), tensor.bytes.data() + static_cast<size_t>(start) * sizeof(T),
                    values.size() * sizeof(T));
    return values;
}

}  // namespace

/// Everything the reader holds; filled by one thread and const afterwards.
struct SessionReader::Contents {
    std::shared_ptr<const MappedFile> file;
    Manifest manifest;
    std::vector<SessionRecordInfo> infos;
    std::vector<IndexRow> index;
    std::vector<std::pair<Place, size_t>> byPlace;  // sorted
    StoredTensor counts, mass, rowPtr, expert, gate, scores, inputNorm, routedNorm, sharedNorm;
    StoredTensor noisy, velocity, finalLatents, previews, pictures;

    const std::string& name() const { return file->name(); }
    const RunRecord& run() const { return manifest.run; }

    void load() {
        const SafetensorsHeader header = readSafetensorsHeader(file->bytes(), name());
        const auto schema = header.metadata.find(schemaKey);
        checkSchema(schema == header.metadata.end() ? "" : schema->second, name());
        const auto text = header.metadata.find(manifestKey);
        if (text == header.metadata.end()) damaged(name(), "it has no manifest");
        manifest = parseManifest(text->second, name());
        findTensors(header);
        loadIndex(header);
    }

    /// A missing tensor is one that was not captured. `shape` empty: any list of elements.
    StoredTensor find(const SafetensorsHeader& header, const char* tensor, DType dtype, const Shape& shape) const {
        StoredTensor found;
        const auto record = std::find_if(header.records.begin(), header.records.end(),
                                         [&](const SafetensorsRecord& r) { return r.name == tensor; });
        if (record == header.records.end()) return found;
        const bool fits = shape.empty() ? record->shape.size() == 1 : record->shape == shape;
        if (record->dtype != dtype || !fits)
            damaged(name(), fmt::format("{} is {} {}, expected {} {}", tensor, dtypeName(record->dtype),
                                        shapeText(record->shape), dtypeName(dtype),
                                        shape.empty() ? "in one dimension" : shapeText(shape)));
        found.bytes = file->bytes().subspan(record->begin, record->end - record->begin);
        found.shape = record->shape;
        found.elements = static_cast<int64_t>(found.bytes.size() / dtypeSize(dtype));
        found.present = true;
        return found;
    }

    void findTensors(const SafetensorsHeader& header) {
        counts = find(header, countsTensor, DType::I32, {});
        mass = find(header, massTensor, DType::F32, {});
        rowPtr = find(header, rowPtrTensor, DType::U32, {});
        expert = find(header, expertTensor, DType::U16, {});
        gate = find(header, gateTensor, DType::F32, {});
        scores = find(header, scoresTensor, DType::F32, {});
        inputNorm = find(header, inputNormTensor, DType::F32, {});
        routedNorm = find(header, routedNormTensor, DType::F32, {});
        sharedNorm = find(header, sharedNormTensor, DType::F32, {});
        if (mass.elements != counts.elements) damaged(name(), "routing.counts and routing.mass differ in length");
        if (gate.elements != expert.elements) damaged(name(), "routing.expert and routing.gate differ in length");

        const Shape& latent = run().latentShape;
        const Shape batch{run().images, latent[0], latent[1], latent[2]};
        const auto evaluations = static_cast<int64_t>(run().evaluations.size());
        const Shape kept{evaluations, batch[0], batch[1], batch[2], batch[3]};
        const DType dtype = run().precision == LatentPrecision::F16 ? DType::F16 : DType::F32;
        noisy = find(header, noisyTensor, dtype, kept);
        velocity = find(header, velocityTensor, dtype, kept);
        finalLatents = find(header, finalTensor, DType::F32, batch);
        previews = find(header, previewsTensor, DType::U8,
                        {evaluations, run().images, run().previewHeight, run().previewWidth, 3});
        loadPictureShape(header);
    }

    void loadPictureShape(const SafetensorsHeader& header) {
        const auto stored = static_cast<int64_t>(manifest.pictureImages.size());
        const auto record = std::find_if(header.records.begin(), header.records.end(),
                                         [](const SafetensorsRecord& r) { return r.name == picturesTensor; });
        if (record == header.records.end()) {
            if (stored != 0) damaged(name(), fmt::format("it names {} pictures and has none", stored));
            return;
        }
        const Shape& shape = record->shape;
        const bool fits = shape.size() == 4 && shape[0] == stored && stored > 0 && shape[1] > 0 && shape[2] > 0 &&
                          shape[1] <= INT32_MAX && shape[2] <= INT32_MAX && shape[3] == 3;
        if (!fits)
            damaged(name(), fmt::format("pictures have the shape {}, expected [{}, height, width, 3]", shapeText(shape),
                                        stored));
        pictures = find(header, picturesTensor, DType::U8, shape);
    }

    void loadIndex(const SafetensorsHeader& header) {
        const auto table = std::find_if(header.records.begin(), header.records.end(),
                                        [](const SafetensorsRecord& r) { return r.name == recordsTensor; });
        const int64_t records = table == header.records.end() || table->shape.empty() ? 0 : table->shape[0];
        const StoredTensor who = find(header, recordsTensor, DType::I32, {records, RecordColumns});
        const StoredTensor where = find(header, indexTensor, DType::I64, {records, IndexColumns});
        if (!who.present || !where.present) damaged(name(), "it has no index of its routing records");
        infos.resize(static_cast<size_t>(records));
        index.resize(infos.size());
        byPlace.resize(infos.size());
        IndexRow next{};
        for (size_t i = 0; i < infos.size(); ++i) {
            std::memcpy(index[i].data(), where.bytes.data() + i * sizeof(IndexRow), sizeof(IndexRow));
            std::array<int32_t, RecordColumns> row;
            std::memcpy(row.data(), who.bytes.data() + i * sizeof(row), sizeof(row));
            infos[i] = checkedInfo(row, i);
            checkRow(i, next);
            byPlace[i] = {Place{row[ColumnEvaluation], row[ColumnBranch], row[ColumnLayer]}, i};
        }
        std::sort(byPlace.begin(), byPlace.end());
        const auto twice = std::adjacent_find(byPlace.begin(), byPlace.end(),
                                              [](const auto& a, const auto& b) { return a.first == b.first; });
        if (twice != byPlace.end()) damaged(name(), fmt::format("routing record {} is there twice", twice->second));
    }

    SessionRecordInfo checkedInfo(const std::array<int32_t, RecordColumns>& row, size_t number) const {
        const auto inside = [](int32_t value, size_t size) { return value >= 0 && static_cast<size_t>(value) < size; };
        const std::vector<MoeLayerDescriptor>& layers = run().routing.layers;
        if (!inside(row[ColumnEvaluation], run().evaluations.size()) || !inside(row[ColumnBranch], 2) ||
            !inside(row[ColumnLayer], layers.size()) || row[ColumnPool] < -1 ||
            row[ColumnNetwork] != layers[static_cast<size_t>(row[ColumnLayer])].network)
            damaged(
                name(),
                fmt::format("routing record {} is for evaluation {}, branch {}, network {}, layer {}, pool {}, which "
                            "the run does not have",
                            number, row[ColumnEvaluation], row[ColumnBranch], row[ColumnNetwork], row[ColumnLayer],
                            row[ColumnPool]));
        const IndexRow& parts = index[number];
        SessionRecordInfo info;
        info.evaluation = row[ColumnEvaluation];
        info.branch = row[ColumnBranch] == 0 ? Branch::Cond : Branch::Uncond;
        info.network = row[ColumnNetwork];
        info.layer = row[ColumnLayer];
        info.pool = row[ColumnPool];
        info.assignments = parts[IndexRowPtr] >= 0;
        info.scores = parts[IndexScores] >= 0;
        info.norms = parts[IndexInputNorm] >= 0 || parts[IndexRoutedNorm] >= 0 || parts[IndexSharedNorm] >= 0;
        return info;
    }

    const MoeLayerDescriptor& layerOf(size_t number) const {
        return run().routing.layers[static_cast<size_t>(infos[number].layer)];
    }
    int64_t tokensOf(size_t number) const { return run().images * layerOf(number).tokensPerSample(); }
    int64_t loadsOf(size_t number) const { return run().images * layerOf(number).experts; }

    /// The parts of the records follow each other in each tensor without hole or overlap: no file can make a reader
    /// build more than it holds. `next` is where the next part of each tensor must start. Products stay below 2^53
    /// because images, tokens and experts are bounded.
    void checkRow(size_t number, IndexRow& next) const {
        const IndexRow& row = index[number];
        const auto part = [&](const char* tensor, IndexColumn column, int64_t count, int64_t elements, bool optional) {
            if (optional && row[column] == -1) return;
            if (row[column] != next[column] || count < 0 || count > elements - row[column])
                damaged(name(),
                        fmt::format(
                            "routing record {} has its {} elements of {} from {} on, expected from {} to at most {}",
                            number, count, tensor, row[column], next[column], elements));
            next[column] += count;
        };
        const int64_t tokens = tokensOf(number);
        part(countsTensor, IndexCounts, loadsOf(number), counts.elements, false);
        part(rowPtrTensor, IndexRowPtr, tokens + 1, rowPtr.elements, true);
        part(expertTensor, IndexPairs, row[IndexPairCount], expert.elements, true);
        if ((row[IndexRowPtr] < 0) != (row[IndexPairs] < 0) || (row[IndexPairs] < 0 && row[IndexPairCount] != 0))
            damaged(name(), fmt::format("routing record {} has row_ptr without experts or the reverse", number));
        part(scoresTensor, IndexScores, tokens * layerOf(number).experts, scores.elements, true);
        part(inputNormTensor, IndexInputNorm, tokens, inputNorm.elements, true);
        part(routedNormTensor, IndexRoutedNorm, tokens, routedNorm.elements, true);
        part(sharedNormTensor, IndexSharedNorm, tokens, sharedNorm.elements, true);
    }

    std::shared_ptr<const RoutingRecord> readRecord(size_t number, bool loadOnly) const {
        if (number >= infos.size())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{} has {} routing records, number {} was asked for; choose one of them",
                                              name(), infos.size(), number));
        const SessionRecordInfo& info = infos[number];
        const IndexRow& row = index[number];
        auto record = std::make_shared<RoutingRecord>();
        record->evaluation = info.evaluation;
        record->branch = info.branch;
        record->network = info.network;
        record->layer = info.layer;
        record->pool = info.pool;
        record->counts = copyElements<int32_t>(counts, row[IndexCounts], loadsOf(number));
        record->mass = copyElements<float>(mass, row[IndexCounts], loadsOf(number));
        if (!loadOnly) {
            const int64_t tokens = tokensOf(number);
            const auto floats = [&](const StoredTensor& tensor, IndexColumn column, int64_t count) {
                return row[column] < 0 ? std::vector<float>() : copyElements<float>(tensor, row[column], count);
            };
            if (row[IndexRowPtr] >= 0) {
                record->rowPtr = copyElements<uint32_t>(rowPtr, row[IndexRowPtr], tokens + 1);
                record->expert = copyElements<uint16_t>(expert, row[IndexPairs], row[IndexPairCount]);
                record->gate = copyElements<float>(gate, row[IndexPairs], row[IndexPairCount]);
            }
            record->scores = floats(scores, IndexScores, tokens * layerOf(number).experts);
            record->inputNorm = floats(inputNorm, IndexInputNorm, tokens);
            record->routedNorm = floats(routedNorm, IndexRoutedNorm, tokens);
            record->sharedNorm = floats(sharedNorm, IndexSharedNorm, tokens);
        }
        const std::string problem =
            recordProblem(*record, run().routing, static_cast<int64_t>(run().evaluations.size()));
        if (!problem.empty()) damaged(name(), fmt::format("routing record {} has {}", number, problem));
        return record;
    }

    /// The slice of one evaluation of a tensor [evaluations, ...].
    template <class T>
    std::vector<T> evaluationSlice(const StoredTensor& tensor, int evaluation) const {
        if (!tensor.present || run().evaluations.empty()) return {};
        const size_t bytes = tensor.bytes.size() / run().evaluations.size();
        const auto slice = tensor.bytes.subspan(static_cast<size_t>(evaluation) * bytes, bytes);
        std::vector<T> values(bytes);
        if (bytes > 0) std::memcpy(values.data(), slice.data(), bytes);
        return values;
    }

    void checkEvaluation(int evaluation) const {
        if (evaluation < 0 || static_cast<size_t>(evaluation) >= run().evaluations.size())
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{} has {} evaluations, number {} was asked for; choose one of them",
                                              name(), run().evaluations.size(), evaluation));
    }

    EvaluationRecord readEvaluation(int number) const {
        checkEvaluation(number);
        EvaluationRecord evaluation;
        evaluation.info = run().evaluations[static_cast<size_t>(number)].info;
        evaluation.noisy = evaluationSlice<std::byte>(noisy, number);
        evaluation.velocity = evaluationSlice<std::byte>(velocity, number);
        evaluation.preview = evaluationSlice<uint8_t>(previews, number);
        return evaluation;
    }

    Picture readPreview(int number, int64_t image) const {
        checkEvaluation(number);
        if (!previews.present || image < 0 || image >= run().images || previews.bytes.empty())
            throw EngineException(
                ErrorCode::NotFound,
                fmt::format("{} has no preview of image {}; choose one of its {} images", name(), image, run().images));
        Picture picture{run().previewWidth, run().previewHeight, {}};
        const size_t bytes = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3;
        const size_t start =
            (static_cast<size_t>(number) * static_cast<size_t>(run().images) + static_cast<size_t>(image)) * bytes;
        const auto* begin = reinterpret_cast<const uint8_t*>(previews.bytes.data()) + start;
        picture.rgb.assign(begin, begin + bytes);
        return picture;
    }

    HostTensor readFinal() const {
        if (!finalLatents.present) return {};
        return HostTensor(finalLatents.shape, copyElements<float>(finalLatents, 0, finalLatents.elements));
    }

    std::vector<Picture> readPictures() const {
        if (!pictures.present) return {};
        std::vector<Picture> all(static_cast<size_t>(run().images));
        const size_t bytes = pictures.bytes.size() / manifest.pictureImages.size();
        for (size_t i = 0; i < manifest.pictureImages.size(); ++i) {
            Picture& picture = all[static_cast<size_t>(manifest.pictureImages[i])];
            picture.height = static_cast<int>(pictures.shape[1]);
            picture.width = static_cast<int>(pictures.shape[2]);
            const auto* begin = reinterpret_cast<const uint8_t*>(pictures.bytes.data()) + i * bytes;
            picture.rgb.assign(begin, begin + bytes);
        }
        return all;
    }
};

SessionReader::SessionReader(std::unique_ptr<Contents> contents) : m_contents(std::move(contents)) {}
SessionReader::~SessionReader() = default;

Result<std::shared_ptr<const SessionReader>> SessionReader::open(const std::filesystem::path& path) {
    auto file = MappedFile::open(path);
    if (!file) return file.error();
    return open(*file);
}

Result<std::shared_ptr<const SessionReader>> SessionReader::open(std::shared_ptr<const MappedFile> file) {
    return guarded([&] {
        auto contents = std::make_unique<Contents>();
        contents->file = std::move(file);
        contents->load();
        return std::shared_ptr<const SessionReader>(new SessionReader(std::move(contents)));
    });
}

const RunRecord& SessionReader::run() const {
    return m_contents->run();
}
const std::string& SessionReader::writer() const {
    return m_contents->manifest.writer;
}
const std::vector<SessionRecordInfo>& SessionReader::records() const {
    return m_contents->infos;
}
bool SessionReader::hasLatents() const {
    return m_contents->noisy.present;
}
bool SessionReader::hasPreviews() const {
    return m_contents->previews.present && !m_contents->previews.bytes.empty();
}

std::optional<size_t> SessionReader::find(int evaluation, Branch branch, int layer) const {
    const std::pair<Place, size_t> wanted{Place{evaluation, static_cast<int>(branch), layer}, 0};
    const auto& places = m_contents->byPlace;
    const auto found = std::lower_bound(places.begin(), places.end(), wanted);
    if (found == places.end() || found->first != wanted.first) return std::nullopt;
    return found->second;
}

Result<std::shared_ptr<const RoutingRecord>> SessionReader::record(size_t number) const {
    return guarded([&] { return m_contents->readRecord(number, false); });
}

Result<std::shared_ptr<const RoutingRecord>> SessionReader::recordLoad(size_t number) const {
    return guarded([&] { return m_contents->readRecord(number, true); });
}

Result<EvaluationRecord> SessionReader::evaluation(int index) const {
    return guarded([&] { return m_contents->readEvaluation(index); });
}

Result<Picture> SessionReader::preview(int evaluation, int64_t image) const {
    return guarded([&] { return m_contents->readPreview(evaluation, image); });
}

Result<HostTensor> SessionReader::finalLatents() const {
    return guarded([&] { return m_contents->readFinal(); });
}

Result<std::vector<Picture>> SessionReader::pictures() const {
    return guarded([&] { return m_contents->readPictures(); });
}

Result<std::shared_ptr<const RunRecord>> SessionReader::readAll() const {
    return guarded([&] {
        auto run = std::make_shared<RunRecord>(m_contents->run());
        for (size_t i = 0; i < run->evaluations.size(); ++i)
            run->evaluations[i] = m_contents->readEvaluation(static_cast<int>(i));
        run->finalLatents = m_contents->readFinal();
        run->pictures = m_contents->readPictures();
        for (size_t i = 0; i < m_contents->infos.size(); ++i)
            run->routing.records.push_back(m_contents->readRecord(i, false));
        return std::shared_ptr<const RunRecord>(std::move(run));
    });
}

}  // namespace moescope
