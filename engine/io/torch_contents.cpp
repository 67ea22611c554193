// SPDX-License-Identifier: Apache-2.0
#include "engine/io/torch_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "engine/core/error.h"
#include "engine/io/torch_tree.h"

namespace moescope {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostTensors = 200'000;
constexpr size_t kMostSteps = 8'000'000;  // items looked at while naming tensors
constexpr size_t kMostNameBytes = 48 << 20;
constexpr size_t kDeepestTensor = 64;
constexpr size_t kMostPlainValues = 200'000;   // of all metadata
constexpr size_t kMostPlainSteps = 4'000'000;  // items looked at for metadata
constexpr int kDeepestPlain = 32;
constexpr size_t kMostLeftOutNamed = 8;

/// UTF-8 with everything that is not replaced, so that JSON can be written from it.
std::string cleanText(std::string_view text) {
    const std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    return Json::parse(quoted).get<std::string>();
}

class Walker {
public:
    explicit Walker(const Pickle& pickle) : m_graph(pickle.graph), m_reach(torchReach(pickle.graph, pickle.root)) {}

    TorchContents walk(PickleId root) {
        const TorchNode top = torchNode(m_graph, root);
        if (top.shape == TorchShape::Opaque && m_graph.kind(root) == PickleKind::Object)
            throw EngineException(
                ErrorCode::Unsupported,
                fmt::format("the file holds one pickled object of class {} instead of a dictionary of tensors, "
                            "and nothing stored is ever executed; save its state_dict() instead",
                            cleanText(pickleTypeName(m_graph, root))));
        if (m_reach.holdsTensor[root]) nameTensors(root);
        if (top.shape == TorchShape::Mapping) m_contents.metadata = plain(root, "", 0).value_or(Json::object());
        dropHiddenNames();
        tellLeftOut();
        if (m_contents.tensors.empty()) {
            std::string reason =
                m_contents.notes.empty() ? "" : fmt::format(" ({})", fmt::join(m_contents.notes, "; "));
            throw EngineException(
                ErrorCode::Format,
                fmt::format("the file is readable but holds no tensors{}; choose a file with weights", reason));
        }
        return std::move(m_contents);
    }

private:
    struct Frame {
        PickleId id;
        TorchShape shape;
        uint32_t cell;
        size_t position;    // in a sequence
        size_t prefixSize;  // of m_path, without this frame's own children
    };

    void enter(PickleId id) {
        const TorchNode node = torchNode(m_graph, id);
        if (node.shape == TorchShape::Tensor) return addTensor(node.value);
        if (m_frames.size() >= kDeepestTensor) {
            m_leftOut.push_back(fmt::format("{} (nested more than {} levels deep)", shortPath(m_path), kDeepestTensor));
            return;
        }
        const bool open = std::ranges::any_of(m_frames, [&](const Frame& frame) { return frame.id == id; });
        if (!open) m_frames.push_back({id, node.shape, node.firstCell, 0, m_path.size()});
    }

    /// Depth first over what leads to a tensor; a container inside itself is not entered again.
    void nameTensors(PickleId root) {
        enter(root);
        size_t steps = 0;
        while (!m_frames.empty()) {
            Frame& frame = m_frames.back();
            m_path.resize(frame.prefixSize);
            if (frame.cell == kNoPickle) {
                m_frames.pop_back();
                continue;
            }
            if (++steps > kMostSteps)
                throw EngineException(ErrorCode::Format,
                                      "the pickle refers to the same objects again and again; more than "
                                      "8 million values would have to be named; choose another file");
            PickleId child = m_graph.cell(frame.cell).value;
            uint32_t next = m_graph.cell(frame.cell).next;
            const PickleId key = frame.shape == TorchShape::Mapping ? child : kNoPickle;
            if (key != kNoPickle) {
                if (next == kNoPickle) {
                    frame.cell = kNoPickle;
                    continue;
                }
                child = m_graph.cell(next).value;
                next = m_graph.cell(next).next;
            }
            frame.cell = next;
            const size_t position = frame.position++;
            if (!m_reach.holdsTensor[child]) continue;
            if (!m_path.empty()) m_path += '.';
            m_path += key == kNoPickle ? fmt::format("{}", position) : cleanText(keyText(m_graph, key));
            enter(child);
        }
    }

    void addTensor(PickleId id) {
        TorchTensorReference tensor;
        const std::string name = m_path.empty() ? "tensor" : m_path;
        try {
            tensor = readTorchTensor(m_graph, id);
        } catch (const EngineException& e) {
            throw EngineException(e.error().code, fmt::format("{}: {}", shortPath(name), e.error().message));
        }
        if (!tensor.unsupported.empty()) {
            m_leftOut.push_back(fmt::format("{} ({}, which this program does not read)", shortPath(name),
                                            cleanText(tensor.unsupported)));
            return;
        }
        m_nameBytes += name.size();
        if (m_contents.tensors.size() >= kMostTensors || m_nameBytes > kMostNameBytes)
            throw EngineException(
                ErrorCode::Format,
                fmt::format("the file names more than {} tensors, far beyond any checkpoint; choose another file",
                            kMostTensors));
        m_contents.tensors.push_back({name, std::move(tensor)});
    }

    /// Of equal names the last one counts, as in a Python dictionary.
    void dropHiddenNames() {
        auto& tensors = m_contents.tensors;
        std::vector<uint32_t> order(tensors.size());
        std::iota(order.begin(), order.end(), 0u);
        std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
        std::vector<bool> hidden(tensors.size(), false);
        size_t count = 0;
        for (size_t i = 0; i + 1 < order.size(); ++i)
            if (tensors[order[i]].name == tensors[order[i + 1]].name) {
                hidden[order[i]] = true;
                ++count;
            }
        if (count == 0) return;
        size_t index = 0;
        std::erase_if(tensors, [&](const NamedTorchTensor&) { return hidden[index++]; });
        m_contents.notes.push_back(fmt::format("{} tensors are hidden by later ones of the same name", count));
    }

    /// A plain copy; nothing where there is none to make. Depth and size are bounded.
    std::optional<Json> plain(PickleId id, const std::string& path, int depth) {
        const TorchNode node = torchNode(m_graph, id);
        if (node.shape == TorchShape::Tensor) return std::nullopt;
        if (node.shape == TorchShape::Opaque) {
            leaveOut(path, cleanText(pickleTypeName(m_graph, id)));
            return std::nullopt;
        }
        if (node.shape == TorchShape::Plain) return plainValue(node.value);
        if (depth >= kDeepestPlain) {
            leaveOut(path, "nested too deeply");
            return std::nullopt;
        }
        Json result = node.shape == TorchShape::Mapping ? Json::object() : Json::array();
        size_t kept = 0, position = 0;
        uint32_t cell = node.firstCell;
        while (cell != kNoPickle) {
            const PickleId key = m_graph.cell(cell).value;
            if (node.shape == TorchShape::Mapping) cell = m_graph.cell(cell).next;
            if (cell == kNoPickle) break;
            const PickleId child = m_graph.cell(cell).value;
            cell = m_graph.cell(cell).next;
            const std::string name =
                node.shape == TorchShape::Mapping ? cleanText(keyText(m_graph, key)) : fmt::format("{}", position);
            ++position;
            if (++m_plainSteps > kMostPlainSteps) {
                leaveOut(path, "too large");
                break;
            }
            const std::string childPath = path.empty() ? name : path + '.' + name;
            std::optional<Json> value;
            if (m_plainValues + m_reach.plainValues[child] <= kMostPlainValues)
                value = plain(child, childPath, depth + 1);
            else if (!m_reach.holdsTensor[child])
                leaveOut(childPath, "too large");
            if (!value && node.shape == TorchShape::Mapping) continue;
            ++m_plainValues;
            kept += value ? 1 : 0;
            if (node.shape == TorchShape::Mapping)
                result[name] = std::move(*value);
            else
                result.push_back(value ? std::move(*value) : Json());
        }
        if (position > 0 && kept == 0) return depth == 0 ? std::optional<Json>(Json::object()) : std::nullopt;
        return result;
    }

    std::optional<Json> plainValue(PickleId id) const {
        switch (m_graph.kind(id)) {
            case PickleKind::None:
                return Json();
            case PickleKind::True:
                return Json(true);
            case PickleKind::False:
                return Json(false);
            case PickleKind::Int:
                return Json(*m_graph.integer(id));
            case PickleKind::Float:
                return Json(m_graph.real(id));
            case PickleKind::Text:
                return Json(cleanText(m_graph.text(id)));
            case PickleKind::Global:
                return Json(cleanText(pickleTypeName(m_graph, id)));
            default:
                return std::nullopt;
        }
    }

    static std::string shortPath(const std::string& path) {
        return path.size() <= 120 ? path : path.substr(0, 117) + "...";
    }

    void leaveOut(const std::string& path, const std::string& what) {
        if (m_leftOut.size() <= kMostLeftOutNamed)
            m_leftOut.push_back(fmt::format("{} ({})", cleanText(shortPath(path)), what));
        else
            ++m_leftOutMore;
    }

    void tellLeftOut() {
        if (m_leftOut.empty()) return;
        const size_t named = std::min(m_leftOut.size(), kMostLeftOutNamed);
        const size_t more = m_leftOutMore + m_leftOut.size() - named;
        m_contents.notes.push_back(
            fmt::format("left out, and never executed: {}{}",
                        fmt::join(m_leftOut.begin(), m_leftOut.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                        more > 0 ? fmt::format(" and {} more", more) : ""));
    }

    const PickleGraph& m_graph;
    TorchReach m_reach;
    TorchContents m_contents;
    std::vector<Frame> m_frames;
    std::string m_path;
    size_t m_nameBytes = 0, m_plainValues = 0, m_plainSteps = 0, m_leftOutMore = 0;
    std::vector<std::string> m_leftOut;
};

}  // namespace

TorchContents readTorchContents(const Pickle& pickle) {
    return Walker(pickle).walk(pickle.root);
}

}  // namespace moescope
