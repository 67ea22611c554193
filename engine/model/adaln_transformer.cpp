// SPDX-License-Identifier: Apache-2.0
#include "engine/model/adaln_transformer.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/model/position_tables.h"

namespace moescope {
namespace {

constexpr float kNormEps = 1e-6f;
constexpr float kMaxPeriod = 10000.0f;

const MsTensor* orNull(const DeviceTensor& tensor) { return tensor.empty() ? nullptr : tensor.get(); }
const MsLinear* orNull(const PackedLinear& linear) { return linear.empty() ? nullptr : linear.get(); }

const DeviceTensor& pooledPrompts(const PromptStates* prompts) {
    if (!prompts) throw EngineException(ErrorCode::Internal, "a network that reads prompts was given none");
    return prompts->pooled;
}

}  // namespace

AdalnTransformer::AdalnTransformer(Backend& backend, ModelDescription description)
    : m_backend(backend), m_description(std::move(description)) {}

uint64_t AdalnTransformer::packedBytes() const {
    uint64_t bytes = m_time1.bytes() + m_time2.bytes() + m_finalModulation.bytes() + m_finalLinear.bytes() +
                     (m_labelTable.empty() ? 0 : static_cast<uint64_t>(m_labelTable.elements()) * 4);
    for (const BlockWeights& block : m_blocks) {
        for (const PackedLinear* linear : {&block.modulation, &block.qkv, &block.proj, &block.denseIn, &block.denseOut})
            bytes += linear->bytes();
        if (!block.moe) continue;
        for (const PackedLinear* linear : {&block.moe->router, &block.moe->expertIn, &block.moe->expertOut, &block.moe->sharedIn,
                                           &block.moe->sharedOut, &block.moe->predictorIn, &block.moe->predictorOut})
            bytes += linear->bytes();
    }
    return bytes;
}

void AdalnTransformer::loadCommon(WeightLoader& loader) {
    const TransformerConfig& config = m_description.config;
    m_time1 = loader.linear("t_embedder.mlp.0", config.waves, config.width, true);
    m_time2 = loader.linear("t_embedder.mlp.2", config.width, config.width, true);
    if (m_description.conditioning == Conditioning::ClassLabel)
        m_labelTable = loader.tensor("y_embedder.embedding_table.weight", {config.classes + 1, config.width});
    if (config.moe.unconditionalExpert) {
        std::vector<int32_t> bypasses(static_cast<size_t>(config.classes) + 1);
        bypasses.back() = 1;
        m_bypassTable = m_backend.tensor({config.classes + 1, 1}, MS_I32);
        m_backend.upload(m_bypassTable, std::span<const int32_t>(bypasses));
    }
    m_blocks.resize(static_cast<size_t>(config.depth));
    for (int block = 0; block < config.depth; ++block) {
        BlockWeights& weights = m_blocks[static_cast<size_t>(block)];
        const std::string name = "blocks." + std::to_string(block);
        weights.modulation = loader.linear(name + ".adaLN_modulation.1", config.width, 6 * config.width, true);
        weights.qkv = loader.attention(name + ".attn." + m_qkvName, config.width, config.heads, config.keyValueHeads(), config.headWidth);
        weights.proj = loader.linear(name + ".attn." + m_projName, config.width, config.width, true);
        loadBlock(loader, block, weights);
    }
    m_finalModulation = loader.linear("final_layer.adaLN_modulation.1", config.width, 2 * config.width, true);
    m_finalLinear = loader.linear("final_layer.linear", config.width, config.patch * config.patch * config.outChannels, true);
}

void AdalnTransformer::loadPositions(WeightLoader& loader, MsRope grid) {
    const TransformerConfig& c = m_description.config;
    if (c.positions != PositionTable::None) {
        m_positionTable = loader.tensor("pos_embed", {1, c.imageTokens(), c.width});
        m_backend.reshape(m_positionTable, {c.imageTokens(), c.width});
    }
    if (c.rotary == Rotary::None) return;
    m_rope = c.rotary == Rotary::Line ? MS_ROPE_ADJACENT_PAIRS : grid;
    const RopeTables tables = ropeTables(c);
    m_ropeCos = m_backend.tensorFrom({c.imageTokens(), c.headWidth / 2}, tables.cos.data);
    m_ropeSin = m_backend.tensorFrom({c.imageTokens(), c.headWidth / 2}, tables.sin.data);
}

void AdalnTransformer::addPositions(Workspace& work) const {
    if (!m_positionTable.empty()) m_backend.check(m_backend.table().add_rows(m_backend.context(), work.x.get(), m_positionTable.get()));
}

MoeWeights AdalnTransformer::loadMoe(WeightLoader& loader, const std::string& layer, const MoeNaming& naming) {
    using Part = WeightLoader::Part;
    const int64_t width = m_description.config.width;
    const MoeConfig& config = m_description.config.moe;
    const auto part = [](const std::string& mlp, const std::vector<std::string>& names, bool bias) {
        Part made;
        for (const std::string& name : names) {
            made.weights.push_back(mlp + "." + name + ".weight");
            if (bias) made.biases.push_back(mlp + "." + name + ".bias");
        }
        return made;
    };
    const auto load = [&](const std::vector<std::string>& mlps, const MlpNaming& names, int64_t inner, PackedLinear& in, PackedLinear& out) {
        std::vector<Part> ins, outs;
        for (const std::string& mlp : mlps) {
            ins.push_back(part(mlp, names.in, names.bias));
            outs.push_back(part(mlp, {names.out}, names.bias));
        }
        in = loader.stacked(ins, width, inner, names.gated() ? MS_LINEAR_GATED : MS_LINEAR_PLAIN);
        out = loader.stacked(outs, inner, width, MS_LINEAR_PLAIN);
    };
    std::vector<std::string> experts;
    for (int64_t e = 0; e < config.experts; ++e) experts.push_back(naming.expertName(layer, e));
    MoeWeights moe;
    const std::string router = layer + "." + naming.router;
    moe.router = config.rule == RouterRule::Prototype ? loader.prototypes(router, width, config.routerRows())
                                                      : loader.router(router, width, config.routerRows());
    if (!naming.selectionBias.empty()) moe.selectionBias = loader.optionalTensor(layer + "." + naming.selectionBias, {config.experts});
    load(experts, naming.routed, config.expertWidth, moe.expertIn, moe.expertOut);
    moe.expertActivation = naming.routed.activation;
    if (config.sharedWidth) {
        load({layer + "." + naming.shared}, naming.sharedMlp, config.sharedWidth, moe.sharedIn, moe.sharedOut);
        moe.sharedActivation = naming.sharedMlp.activation;
    }
    if (naming.predictor.empty()) return moe;
    // As exact as the router: a capacity is a count of tokens above a threshold.
    const std::string predictor = layer + "." + naming.predictor;
    moe.predictorIn = loader.exactLinear(predictor + ".0", width, width);
    moe.predictorOut = loader.exactLinear(predictor + ".2", width, config.experts);
    moe.thresholds = loader.tensor(layer + "." + naming.thresholds, {config.experts});
    for (MoeLayerDescriptor& descriptor : m_description.moeLayers)
        if (layer.starts_with(fmt::format("blocks.{}.", descriptor.block))) descriptor.thresholds = m_backend.fetch(moe.thresholds).data;
    return moe;
}

std::unique_ptr<DenoiserWorkspace> AdalnTransformer::makeWorkspace(int64_t samples) const {
    const TransformerConfig& c = m_description.config;
    const int64_t imageRows = samples * c.imageTokens(), rows = samples * (c.imageTokens() + c.contextTokens);
    int64_t hidden = c.denseWidth;
    for (const BlockWeights& block : m_blocks)
        if (!block.denseIn.empty()) hidden = std::max(hidden, block.denseIn.out());
    auto work = std::make_unique<Workspace>();
    work->samples = samples;
    work->patches = m_backend.tensor({imageRows, c.inChannels * c.patch * c.patch});
    if (c.bottleneck) work->bottleneck = m_backend.tensor({imageRows, c.bottleneck});
    work->x = m_backend.tensor({rows, c.width});
    if (c.contextTokens) work->joined = m_backend.tensor({rows, c.width});
    work->normed = m_backend.tensor({rows, c.width});
    work->qkv = m_backend.tensor({rows, 3 * c.width});
    work->attended = m_backend.tensor({rows, c.width});
    if (hidden) work->hidden = m_backend.tensor({rows, hidden});
    work->branch = m_backend.tensor({rows, c.width});
    work->waves = m_backend.tensor({samples, c.waves});
    for (DeviceTensor* small : {&work->timeHidden, &work->timeEmbed, &work->labelEmbed, &work->condition, &work->activated})
        *small = m_backend.tensor({samples, c.width});
    if (!m_bypassTable.empty()) work->bypass = m_backend.tensor({samples, 1}, MS_I32);
    work->modulation = m_backend.tensor({samples, 6 * c.width});
    work->finalModulation = m_backend.tensor({samples, 2 * c.width});
    work->finalTokens = m_backend.tensor({imageRows, c.patch * c.patch * c.outChannels});
    work->picture = m_backend.tensor({samples, c.outChannels, c.inputSide(), c.inputSide()});
    return work;
}

void AdalnTransformer::forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t,
                               const Condition& condition, DenoiserObserver* observer) const {
    auto& work = static_cast<Workspace&>(workspace);
    const TransformerConfig& c = m_description.config;
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const auto check = [&](MsStatus status) { m_backend.check(status); };
    const auto tap = [&](Tap place, int block, const DeviceTensor& tensor) {
        if (observer && observer->wants(place)) observer->tapped(place, block, tensor);
    };

    work.tokens = c.imageTokens();
    work.leadTokens = 0;
    const int64_t imageRows = work.samples * work.tokens;
    m_backend.reshape(work.x, {imageRows, c.width});
    check(ops.patchify(context, x.get(), c.patch, work.patches.get()));
    embed(work);
    tap(Tap::PatchEmbed, -1, work.x);
    addPositions(work);

    check(ops.timestep_waves(context, t.get(), kMaxPeriod, work.waves.get()));
    check(ops.linear(context, work.waves.get(), m_time1.get(), MS_ACT_SILU, work.timeHidden.get()));
    check(ops.linear(context, work.timeHidden.get(), m_time2.get(), MS_ACT_NONE, work.timeEmbed.get()));
    work.prompts = m_labelTable.empty() ? condition.prompts : nullptr;  // states are there for every model, empty for those of classes
    if (m_labelTable.empty())
        check(ops.copy(context, pooledPrompts(work.prompts).get(), work.labelEmbed.get()));
    else
        check(ops.gather_rows(context, m_labelTable.get(), condition.labels.get(), work.labelEmbed.get()));
    check(ops.add(context, work.timeEmbed.get(), work.labelEmbed.get(), work.condition.get()));
    check(ops.activate(context, work.condition.get(), MS_ACT_SILU, work.activated.get()));
    if (!m_bypassTable.empty()) check(ops.gather_rows(context, m_bypassTable.get(), condition.labels.get(), work.bypass.get()));
    tap(Tap::TimeEmbed, -1, work.timeEmbed);
    tap(Tap::LabelEmbed, -1, work.labelEmbed);
    tap(Tap::Condition, -1, work.condition);

    for (int block = 0; block < c.depth; ++block) {
        beforeBlock(work, block);
        runBlock(work, block, condition, observer);
        tap(Tap::BlockOutput, block, work.x);
    }

    m_backend.reshape(work.branch, {imageRows, c.width});
    const DeviceTensor* tokens = &work.x;
    if (work.leadTokens) {
        check(ops.drop_lead_tokens(context, work.x.get(), work.samples, work.branch.get()));
        tokens = &work.branch;
    }
    m_backend.reshape(work.normed, {imageRows, c.width});
    check(ops.linear(context, work.activated.get(), m_finalModulation.get(), MS_ACT_NONE, work.finalModulation.get()));
    check(ops.modulated_norm(context, tokens->get(), m_norm, kNormEps, orNull(m_finalNorm), work.finalModulation.get(), 0, 1,
                             work.normed.get()));
    check(ops.linear(context, work.normed.get(), m_finalLinear.get(), MS_ACT_NONE, work.finalTokens.get()));
    tap(Tap::FinalTokens, -1, work.finalTokens);
    check(ops.unpatchify(context, work.finalTokens.get(), c.patch, work.picture.get()));
}

void AdalnTransformer::runBlock(Workspace& work, int block, const Condition& condition, DenoiserObserver* observer) const {
    const TransformerConfig& c = m_description.config;
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const auto check = [&](MsStatus status) { m_backend.check(status); };
    const BlockWeights& weights = acquire(block);
    const int64_t rows = work.samples * work.tokens;
    for (DeviceTensor* tensor : {&work.normed, &work.attended, &work.branch}) m_backend.reshape(*tensor, {rows, c.width});
    m_backend.reshape(work.qkv, {rows, 3 * c.width});

    check(ops.linear(context, work.activated.get(), weights.modulation.get(), MS_ACT_NONE, work.modulation.get()));
    check(ops.modulated_norm(context, work.x.get(), m_norm, kNormEps, orNull(weights.norm1), work.modulation.get(), 0, 1,
                             work.normed.get()));
    check(ops.linear(context, work.normed.get(), weights.qkv.get(), MS_ACT_NONE, work.qkv.get()));
    MsAttentionDesc attention{};
    attention.size = sizeof(attention);
    attention.samples = work.samples;
    attention.heads = c.heads;
    attention.queryNorm = orNull(weights.queryNorm);
    attention.keyNorm = orNull(weights.keyNorm);
    attention.eps = kNormEps;
    attention.rope = m_rope;
    attention.ropeCos = orNull(m_ropeCos);
    attention.ropeSin = orNull(m_ropeSin);
    attention.leadTokens = work.leadTokens;
    attention.queryNormBias = orNull(weights.queryNormBias);
    attention.keyNormBias = orNull(weights.keyNormBias);
    attention.roundQueryKeyToHalf = c.halfQueryKey ? 1 : 0;
    check(ops.attention(context, work.qkv.get(), &attention, work.attended.get()));
    check(ops.linear(context, work.attended.get(), weights.proj.get(), MS_ACT_NONE, work.branch.get()));
    check(ops.gated_add(context, work.x.get(), work.branch.get(), work.modulation.get(), 2));

    check(ops.modulated_norm(context, work.x.get(), m_norm, kNormEps, orNull(weights.norm2), work.modulation.get(), 3, 4,
                             work.normed.get()));
    if (weights.moe) {
        runMoe(work, *weights.moe, block, condition, observer);
    } else {
        m_backend.reshape(work.hidden, {rows, weights.denseIn.out()});
        check(ops.linear(context, work.normed.get(), weights.denseIn.get(), m_denseActivation, work.hidden.get()));
        check(ops.linear(context, work.hidden.get(), weights.denseOut.get(), MS_ACT_NONE, work.branch.get()));
    }
    check(ops.gated_add(context, work.x.get(), work.branch.get(), work.modulation.get(), 5));
}

void AdalnTransformer::runMoe(Workspace& work, const MoeWeights& moe, int block, const Condition& condition, DenoiserObserver* observer) const {
    const MoeConfig& config = m_description.config.moe;
    const auto& blocks = m_description.config.moeBlocks;
    const int layer = static_cast<int>(std::find(blocks.begin(), blocks.end(), block) - blocks.begin());
    if (observer && observer->wants(Tap::MoeInput)) observer->tapped(Tap::MoeInput, block, work.normed);
    const DeviceTensor* forced = observer ? observer->forcedExperts(layer) : nullptr;
    MsMoeLayerDesc desc{};
    desc.size = sizeof(desc);
    desc.policy = static_cast<MsPolicy>(config.rule);
    desc.samples = work.samples;
    desc.experts = config.experts;
    desc.topK = config.topK;
    desc.groups = config.groups;
    desc.keptGroups = config.keptGroups;
    desc.scale = static_cast<float>(config.scale);
    desc.router = moe.router.get();
    desc.selectionBias = orNull(moe.selectionBias);
    desc.expertIn = moe.expertIn.get();
    desc.expertOut = moe.expertOut.get();
    desc.sharedIn = orNull(moe.sharedIn);
    desc.sharedOut = orNull(moe.sharedOut);
    desc.forcedExperts = forced ? forced->get() : nullptr;
    desc.expertActivation = moe.expertActivation;
    desc.sharedActivation = moe.sharedActivation;
    desc.bypass = orNull(work.bypass);
    desc.addNothing = config.addsInput ? 0 : 1;
    desc.samplesPerPool = 1;
    desc.capacity = config.tokensPerExpert(work.tokens);
    if (config.rule == RouterRule::PoolThreshold) {
        desc.samplesPerPool = condition.pool == RoutingPool::Batch ? work.samples / condition.branches : 1;
        desc.predictorIn = moe.predictorIn.get();
        desc.predictorOut = moe.predictorOut.get();
        desc.thresholds = moe.thresholds.get();
        if (condition.trainingSelection) {
            desc.policy = MS_POLICY_EXPERT_CHOICE;
            desc.capacity = config.tokensPerExpert(desc.samplesPerPool * work.tokens);
        }
    }
    const MsRouting* routing = observer ? observer->routingFor(layer) : nullptr;
    m_backend.check(m_backend.table().moe_layer(m_backend.context(), work.normed.get(), &desc, routing, work.branch.get()));
    if (!observer) return;
    observer->routed(layer);
    if (observer->wants(Tap::MoeOutput)) observer->tapped(Tap::MoeOutput, block, work.branch);
}

}  // namespace moescope
