// SPDX-License-Identifier: Apache-2.0
#include "engine/model/weight_loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

namespace moescope {
namespace {

constexpr size_t kPieceValues = size_t{1} << 20;  // worked on between two looks at whether somebody asked to stop

/// True where all values are finite: the exponent bits of no value are all set.
bool allFinite(std::span<const float> values) {
    uint32_t bad = 0;
    for (const float value : values) {
        uint32_t bits;
        std::memcpy(&bits, &value, 4);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

/// Equal, or equal once trailing axes of the stored tensor are flattened into the last wanted one.
bool sameLayout(const Shape& stored, const Shape& wanted) {
    if (stored == wanted) return true;
    if (stored.size() < wanted.size() || wanted.empty()) return false;
    for (size_t axis = 0; axis + 1 < wanted.size(); ++axis)
        if (stored[axis] != wanted[axis]) return false;
    int64_t rest = 1;
    for (size_t axis = wanted.size() - 1; axis < stored.size(); ++axis) rest *= stored[axis];
    return rest == wanted.back();
}

}  // namespace

WeightLoader::WeightLoader(Backend& backend, const WeightView& view, MsDType storage, std::stop_token stop, LoadProgress progress,
                           int64_t totalBytes)
    : m_backend(backend), m_view(view), m_storage(storage), m_stop(std::move(stop)), m_progress(std::move(progress)),
      m_total(totalBytes) {}

void WeightLoader::throwIfStopped() const {
    if (m_stop.stop_requested()) throw EngineException(ErrorCode::Cancelled, "cancelled while the model was loading");
}

/// Gives the pages behind the last tensor back.
void WeightLoader::release() {
    if (m_current) m_view.source().releasePages(*m_current);
    m_current = nullptr;
}

/// Rows first.. of one matrix, in pieces between which a request to stop is heard.
void WeightLoader::loadRows(const PackedLinear& target, int64_t index, int64_t first, int64_t in, std::span<const float> values) {
    const int64_t rows = static_cast<int64_t>(values.size()) / in;
    const int64_t step = std::max<int64_t>(1, static_cast<int64_t>(kPieceValues) / in);
    for (int64_t row = 0; row < rows; row += step) {
        throwIfStopped();
        m_backend.check(m_backend.table().linear_load_rows(m_backend.context(), target.get(), index, first + row,
                                                           std::min(step, rows - row), values.data() + row * in));
    }
}

std::span<const float> WeightLoader::read(const std::string& name, const Shape& shape) {
    const TensorInfo* tensor = m_view.find(name);
    if (!tensor) throw EngineException(ErrorCode::Format, fmt::format("the tensor '{}' is missing", name));
    if (!sameLayout(tensor->shape, shape))
        throw EngineException(ErrorCode::Format, fmt::format("the tensor '{}' should have shape {}, the file has {}", name,
                                                             shapeText(shape), shapeText(tensor->shape)));
    release();
    m_current = tensor;
    // The disk is waited for in pieces; what follows runs at the speed of memory.
    static_cast<void>(m_view.source().prepare(*tensor, m_stop));
    throwIfStopped();
    std::span<const float> values = m_view.source().floatsInPlace(*tensor).orThrow();
    if (values.empty()) {
        const auto count = static_cast<size_t>(tensor->elements());
        if (m_staging.size() < count * sizeof(float)) {
            m_staging = {};
            m_staging = AlignedBytes(count * sizeof(float));
        }
        const std::span<float> staged{reinterpret_cast<float*>(m_staging.data()), count};
        m_view.source().readFloat(*tensor, staged).orThrow();
        release();
        throwIfStopped();
        values = staged;
    }
    for (size_t first = 0; first < values.size(); first += kPieceValues) {
        throwIfStopped();
        if (allFinite(values.subspan(first, std::min(kPieceValues, values.size() - first)))) continue;
        throw EngineException(ErrorCode::Numeric, fmt::format("the tensor '{}' holds NaN or infinite values; the file is damaged or "
                                                              "its training diverged, try another weight set or download it again",
                                                              name));
    }
    m_done += tensor->elements() * static_cast<int64_t>(dtypeSize(tensor->dtype));
    if (m_progress) m_progress(m_done, m_total);
    throwIfStopped();
    return values;
}

PackedLinear WeightLoader::linear(const std::string& name, int64_t in, int64_t out, bool bias, MsLinearLayout layout) {
    Part part{{name + ".weight"}, {}};
    if (bias) part.biases.push_back(name + ".bias");
    return stacked({part}, in, out, layout);
}

PackedLinear WeightLoader::attention(const std::string& name, int64_t in, int64_t heads, int64_t keyHeads, int64_t headWidth) {
    const int64_t queries = heads * headWidth;
    if (keyHeads == heads) return linear(name, in, 3 * queries, true);
    const int64_t stored = queries + 2 * keyHeads * headWidth, group = heads / keyHeads;
    PackedLinear made = m_backend.linear({sizeof(MsLinearDesc), in, 3 * queries, 1, m_storage, MS_LINEAR_PLAIN, 1});
    /// First stored row of the keys (1) or values (2) that head `head` meets.
    const auto rowOf = [&](int64_t part, int64_t head) { return queries + ((part - 1) * keyHeads + head / group) * headWidth; };
    const std::span<const float> weight = read(name + ".weight", {stored, in});
    const auto rows = [&](int64_t first, int64_t count) { return weight.subspan(static_cast<size_t>(first * in), static_cast<size_t>(count * in)); };
    loadRows(made, 0, 0, in, rows(0, queries));
    for (int64_t part = 1; part <= 2; ++part)
        for (int64_t head = 0; head < heads; ++head)
            loadRows(made, 0, part * queries + head * headWidth, in, rows(rowOf(part, head), headWidth));
    const std::span<const float> biases = read(name + ".bias", {stored});
    std::vector<float> bias(biases.begin(), biases.begin() + queries);
    for (int64_t part = 1; part <= 2; ++part)
        for (int64_t head = 0; head < heads; ++head) {
            const auto from = biases.begin() + rowOf(part, head);
            bias.insert(bias.end(), from, from + headWidth);
        }
    m_backend.check(m_backend.table().linear_load_bias(m_backend.context(), made.get(), 0, bias.data()));
    return made;
}

PackedLinear WeightLoader::convolution(const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    constexpr int64_t kRowsAtOnce = 64;
    const int64_t taps = kernel * kernel, columns = in * taps;
    PackedLinear made = m_backend.linear({sizeof(MsLinearDesc), columns, out, 1, m_storage, MS_LINEAR_PLAIN, 1});
    const std::span<const float> stored = read(name + ".weight", {out, in, kernel, kernel});
    std::vector<float> rows(static_cast<size_t>(std::min(kRowsAtOnce, out) * columns));
    for (int64_t first = 0; first < out; first += kRowsAtOnce) {
        throwIfStopped();
        const int64_t count = std::min(kRowsAtOnce, out - first);
        for (int64_t row = 0; row < count; ++row) {
            const float* from = stored.data() + (first + row) * columns;
            float* to = rows.data() + row * columns;
            for (int64_t tap = 0; tap < taps; ++tap)
                for (int64_t c = 0; c < in; ++c) to[tap * in + c] = from[c * taps + tap];
        }
        m_backend.check(m_backend.table().linear_load_rows(m_backend.context(), made.get(), 0, first, count, rows.data()));
    }
    m_backend.check(m_backend.table().linear_load_bias(m_backend.context(), made.get(), 0, read(name + ".bias", {out}).data()));
    return made;
}

PackedLinear WeightLoader::router(const std::string& weight, int64_t in, int64_t out) {
    const MsLinearDesc desc{sizeof(MsLinearDesc), in, out, 1, MS_F32, MS_LINEAR_PLAIN, 0};
    PackedLinear made = m_backend.linear(desc);
    loadRows(made, 0, 0, in, read(weight, {out, in}));
    return made;
}

PackedLinear WeightLoader::exactLinear(const std::string& name, int64_t in, int64_t out) {
    const MsLinearDesc desc{sizeof(MsLinearDesc), in, out, 1, MS_F32, MS_LINEAR_PLAIN, 1};
    PackedLinear made = m_backend.linear(desc);
    loadRows(made, 0, 0, in, read(name + ".weight", {out, in}));
    m_backend.check(m_backend.table().linear_load_bias(m_backend.context(), made.get(), 0, read(name + ".bias", {out}).data()));
    return made;
}

PackedLinear WeightLoader::prototypes(const std::string& weight, int64_t in, int64_t out) {
    constexpr double kShortest = 1e-12;
    const MsLinearDesc desc{sizeof(MsLinearDesc), in, out, 1, MS_F32, MS_LINEAR_PLAIN, 0};
    PackedLinear made = m_backend.linear(desc);
    const std::span<const float> stored = read(weight, {out, in});
    std::vector<float> rows(stored.begin(), stored.end());
    for (auto row = rows.begin(); row != rows.end(); row += in) {
        const double length = std::sqrt(std::inner_product(row, row + in, row, 0.0));
        std::transform(row, row + in, row, [&](float v) { return static_cast<float>(v / std::max(length, kShortest)); });
    }
    loadRows(made, 0, 0, in, rows);
    return made;
}

PackedLinear WeightLoader::stacked(const std::vector<Part>& parts, int64_t in, int64_t out, MsLinearLayout layout) {
    const int64_t rows = layout == MS_LINEAR_GATED ? 2 * out : out;
    const MsLinearDesc desc{sizeof(MsLinearDesc), in, out, static_cast<int64_t>(parts.size()), m_storage, layout,
                            parts.empty() || parts[0].biases.empty() ? 0 : 1};
    PackedLinear made = m_backend.linear(desc);
    const MsBackendTable& table = m_backend.table();
    for (size_t index = 0; index < parts.size(); ++index) {
        const Part& part = parts[index];
        const int64_t each = rows / static_cast<int64_t>(part.weights.size());
        for (size_t piece = 0; piece < part.weights.size(); ++piece) {
            loadRows(made, static_cast<int64_t>(index), static_cast<int64_t>(piece) * each, in, read(part.weights[piece], {each, in}));
        }
        if (part.biases.empty()) continue;
        std::vector<float> bias;
        for (const std::string& name : part.biases) {
            const auto values = read(name, {rows / static_cast<int64_t>(part.biases.size())});
            bias.insert(bias.end(), values.begin(), values.end());
        }
        m_backend.check(table.linear_load_bias(m_backend.context(), made.get(), static_cast<int64_t>(index), bias.data()));
    }
    return made;
}

DeviceTensor WeightLoader::tensor(const std::string& name, const Shape& shape) {
    return m_backend.tensorFrom(shape, read(name, shape));
}

DeviceTensor WeightLoader::optionalTensor(const std::string& name, const Shape& shape) {
    return m_view.has(name) ? tensor(name, shape) : DeviceTensor{};
}

}  // namespace moescope
