// SPDX-License-Identifier: Apache-2.0
#include "engine/model/vae_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace moescope {
namespace {

constexpr int64_t kMaxLevels = 16;

using Parts = std::vector<std::string>;
using Pair = std::pair<std::string_view, std::string_view>;

/// Modules whose tensors are the autoencoder; anything else in the file belongs to something else.
constexpr std::array<std::string_view, 4> kModules{"encoder.", "decoder.", "quant_conv.", "post_quant_conv."};
/// Written beside the autoencoder by the code that trained it.
constexpr std::array<std::string_view, 3> kTrainingOnly{"loss.", "model_ema.", "discriminator."};
/// Names of the attention's projections before diffusers gave every attention the same ones.
constexpr std::array<Pair, 4> kOldAttention{
    {{"query", "to_q"}, {"key", "to_k"}, {"value", "to_v"}, {"proj_attn", "to_out.0"}}};
/// Latent diffusion: parts of a residual block and of the attention whose names differ.
constexpr std::array<Pair, 2> kLdmBlock{{{"nin_shortcut", "conv_shortcut"}, {"norm_out", "conv_norm_out"}}};
constexpr std::array<Pair, 5> kLdmAttention{
    {{"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"}}};
constexpr std::array<Pair, 3> kLdmMiddle{
    {{"block_1", "resnets.0"}, {"block_2", "resnets.1"}, {"attn_1", "attentions.0"}}};

template <size_t N>
std::string translated(const std::array<Pair, N>& table, const std::string& word) {
    for (const auto& [from, to] : table)
        if (word == from) return std::string(to);
    return word;
}

Parts split(std::string_view name) {
    Parts parts;
    for (size_t begin = 0;;) {
        const size_t dot = name.find('.', begin);
        parts.emplace_back(name.substr(begin, dot - begin));
        if (dot == std::string_view::npos) return parts;
        begin = dot + 1;
    }
}

std::optional<int64_t> number(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

/// The words after `from` joined with dots, each through `table`.
template <size_t N>
std::string rest(const Parts& parts, size_t from, const std::array<Pair, N>& table) {
    std::string joined;
    for (size_t i = from; i < parts.size(); ++i) {
        joined += '.';
        joined += translated(table, parts[i]);
    }
    return joined;
}

bool startsWithAny(std::string_view name, const auto& beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view b) { return name.starts_with(b); });
}

/// What stands in front of "decoder.conv_in.weight" (or the encoder's); the shortest where there are several.
std::optional<std::string> findPrefix(const TensorSource& source) {
    std::optional<std::string> best;
    for (const std::string_view anchor : {"decoder.conv_in.weight", "encoder.conv_in.weight"}) {
        for (const TensorInfo& tensor : source.tensors()) {
            if (!tensor.name.ends_with(anchor)) continue;
            const std::string prefix = tensor.name.substr(0, tensor.name.size() - anchor.size());
            if (!prefix.empty() && prefix.back() != '.') continue;
            if (!best || prefix.size() < best->size()) best = prefix;
        }
        if (best) return best;
    }
    return best;
}

/// Levels that the latent-diffusion names "decoder.up.N." count, 0 when the file has other names.
int64_t ldmLevels(const TensorSource& source, const std::string& prefix) {
    const std::string before = prefix + "decoder.up.";
    int64_t levels = 0;
    for (const TensorInfo& tensor : source.tensors()) {
        if (!tensor.name.starts_with(before)) continue;
        const auto level = number(split(std::string_view(tensor.name).substr(before.size())).front());
        if (level && *level < kMaxLevels) levels = std::max(levels, *level + 1);
    }
    return levels;
}

}  // namespace

const TensorInfo* VaeNameIndex::find(std::string_view name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : found->second;
}

std::string currentVaeName(std::string_view stored, int64_t upLevels) {
    const Parts parts = split(stored);
    if (parts.size() < 3) return std::string(stored);
    const std::string& tower = parts[0];
    if (tower != "encoder" && tower != "decoder") return std::string(stored);

    // diffusers: only the attention's projections ever changed their names.
    if (parts[1] == "mid_block" && parts[2] == "attentions" && parts.size() > 4)
        return fmt::format("{}.mid_block.attentions.{}{}", tower, parts[3], rest(parts, 4, kOldAttention));
    if (parts[1] == "norm_out") return tower + rest(parts, 1, kLdmBlock);
    if (parts[1] == "mid") {
        const std::string block = translated(kLdmMiddle, parts[2]);
        return fmt::format("{}.mid_block.{}{}", tower, block,
                           parts[2] == "attn_1" ? rest(parts, 3, kLdmAttention) : rest(parts, 3, kLdmBlock));
    }
    if ((parts[1] == "down" || parts[1] == "up") && parts.size() > 4) {
        const auto level = number(parts[2]);
        if (!level || (parts[1] == "up" && *level >= upLevels)) return std::string(stored);
        const std::string at = parts[1] == "down" ? fmt::format("{}.down_blocks.{}", tower, *level)
                                                  : fmt::format("{}.up_blocks.{}", tower, upLevels - 1 - *level);
        if (parts[3] == "block") return fmt::format("{}.resnets.{}{}", at, parts[4], rest(parts, 5, kLdmBlock));
        if (parts[3] == "downsample") return at + ".downsamplers.0" + rest(parts, 4, kLdmBlock);
        if (parts[3] == "upsample") return at + ".upsamplers.0" + rest(parts, 4, kLdmBlock);
    }
    return std::string(stored);
}

Result<VaeNameIndex> indexVaeNames(const TensorSource& source) {
    const std::string file = source.files().empty() ? "the file" : source.files().front().filename().string();
    const auto prefix = findPrefix(source);
    if (!prefix) {
        const std::string first = source.tensors().empty() ? "none" : source.tensors().front().name;
        return {
            ErrorCode::Format,
            fmt::format(
                "expected an AutoencoderKL with tensors such as decoder.conv_in.weight, found {} tensors in {}, the "
                "first named {}; give the folder or file of the model's VAE",
                source.tensors().size(), file, first)};
    }
    VaeNameIndex index;
    index.prefix = *prefix;
    const int64_t levels = ldmLevels(source, *prefix);
    index.naming = levels > 0 ? "latent diffusion" : "diffusers";
    for (const TensorInfo& tensor : source.tensors()) {
        if (!tensor.name.starts_with(*prefix)) continue;
        const std::string_view stored = std::string_view(tensor.name).substr(prefix->size());
        // A bare file should hold nothing else; behind a prefix only the four modules are ours.
        if (startsWithAny(stored, kTrainingOnly) || (!prefix->empty() && !startsWithAny(stored, kModules))) continue;
        std::string name = currentVaeName(stored, levels);
        if (levels == 0 && name != stored) index.naming = "diffusers, attention of before 2023";
        const auto [place, added] = index.tensors.emplace(std::move(name), &tensor);
        if (!added) {
            return {ErrorCode::Format,
                    fmt::format("expected each tensor once, found {} stored both as {} and as {} in {}", place->first,
                                place->second->name, tensor.name, file)};
        }
    }
    return index;
}

int64_t countNumbered(const VaeNameIndex& index, const std::string& before) {
    int64_t count = 0;
    for (; count < 64; ++count) {
        const std::string start = fmt::format("{}{}.", before, count);
        const auto next = index.tensors.lower_bound(start);
        if (next == index.tensors.end() || !next->first.starts_with(start)) break;
    }
    return count;
}

}  // namespace moescope
