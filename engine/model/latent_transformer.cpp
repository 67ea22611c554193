// SPDX-License-Identifier: Apache-2.0
#include "engine/model/latent_transformer.h"

#include <fmt/format.h>

#include <cmath>

namespace moescope {
namespace {

constexpr int64_t kPublishedGrid = 16;  // 32 x 32 latents of 256-pixel pictures in patches of 2
constexpr int64_t kLargestGrid = 1024;

}  // namespace

LatentTransformer::LatentTransformer(Backend& backend, WeightLoader& loader, const ModelDescription& description,
                                     bool positions)
    : AdalnTransformer(backend, description) {
    const TransformerConfig& c = m_description.config;
    m_patch = loader.linear("x_embedder.proj", c.inChannels * c.patch * c.patch, c.width, true);
    if (!positions) return;
    m_positions = loader.tensor("pos_embed", {1, c.imageTokens(), c.width});
    backend.reshape(m_positions, {c.imageTokens(), c.width});
}

void LatentTransformer::embed(Workspace& work) const {
    const MsBackendTable& ops = m_backend.table();
    m_backend.check(
        ops.linear(m_backend.context(), work.patches.get(), m_patch.get(), MS_ACT_NONE, work.x.get()));
    if (!m_positions.empty()) m_backend.check(ops.add_rows(m_backend.context(), work.x.get(), m_positions.get()));
}

Status readLatentShape(const WeightView& view, SettingBag& settings, ModelDescription& d) {
    TransformerConfig& c = d.config;
    const Shape patch = view.shape("x_embedder.proj.weight"), final = view.shape("final_layer.linear.weight");
    const Shape table = view.shape("y_embedder.embedding_table.weight"), time = view.shape("t_embedder.mlp.0.weight");
    if (patch.size() != 4 || patch[2] != patch[3] || patch[2] < 1 || final.size() != 2 || table.size() != 2 ||
        table[0] < 2 || time.size() != 2)
        return {ErrorCode::Format,
                fmt::format("not a whole {}: x_embedder.proj.weight should be [width, channels, p, p] and "
                            "final_layer.linear.weight two-dimensional; found {} and {}",
                            d.family, shapeText(patch), shapeText(final))};
    c.width = patch[0];
    c.inChannels = patch[1];
    c.patch = patch[2];
    c.outChannels = final[0] / (c.patch * c.patch);
    c.classes = table[0] - 1;
    c.waves = time[1];
    c.depth = countBlocks(view);
    if (const Shape positions = view.shape("pos_embed"); !positions.empty()) {
        const int64_t tokens = positions.size() == 3 ? positions[1] : 0;
        c.grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(tokens))));
        if (tokens < 1 || c.grid * c.grid != tokens || c.grid > kLargestGrid)
            return {ErrorCode::Unsupported, fmt::format("pos_embed should be [1, n n, width] for square pictures, found {}",
                                                        shapeText(positions))};
        return {};
    }
    const int64_t side = settings.integer({"input_size"}).value_or(kPublishedGrid * c.patch);
    if (side < 1 || side % c.patch != 0 || side / c.patch > kLargestGrid)
        return {ErrorCode::Unsupported,
                fmt::format("input_size should be a multiple of the patch size {} and at most {}, found {}", c.patch,
                            kLargestGrid * c.patch, side)};
    c.grid = side / c.patch;
    return {};
}

void expectLatentEmbedding(ModelDescription& description, bool positions) {
    const TransformerConfig& c = description.config;
    if (positions)
        description.tensors.push_back(
            {"pos_embed", {1, c.imageTokens(), c.width}, ExpectedTensor::Role::Buffer});
    description.tensors.push_back({"x_embedder.proj.weight", {c.width, c.inChannels, c.patch, c.patch}});
    description.tensors.push_back({"x_embedder.proj.bias", {c.width}});
}

void expectLinear(ModelDescription& description, const std::string& name, int64_t out, int64_t in, bool bias,
                  bool routed) {
    using Role = ExpectedTensor::Role;
    description.tensors.push_back({name + ".weight", {out, in}, Role::Learned, routed});
    if (bias) description.tensors.push_back({name + ".bias", {out}, Role::Learned, routed});
}

ModelDescription releasedLatent(const ReleasedSize& size) {
    ModelDescription d;
    d.family = size.family;
    d.sizeName = size.name;
    d.space = PictureSpace::SdLatent;
    d.prediction = Prediction::Velocity;
    d.config = releasedConfig(size);
    d.config.inChannels = 4;
    d.config.outChannels = 8;
    d.config.denseWidth = 4 * size.width;
    return d;
}

}  // namespace moescope
