// SPDX-License-Identifier: Apache-2.0
#include "engine/model/unet/unet_denoiser.h"

#include <fmt/format.h>

#include <cstddef>

#include "engine/model/unet/unet_runner.h"

namespace moescope::unet {
namespace {

void requireOperations(const MsBackendTable& table) {
    constexpr size_t kNeeded = offsetof(MsBackendTable, cross_attention) + sizeof(table.cross_attention);
    if (table.size < kNeeded || !table.waves || !table.add_per_sample || !table.concat_columns || !table.geglu ||
        !table.cross_attention)
        throw EngineException(
            ErrorCode::Unsupported,
            fmt::format("the device '{}' does not run U-Nets; load this model on the CPU", table.name));
}

/// A text input of the condition, checked; `middle` < 0: any number (but some) of rows or columns there.
const HostTensor& textInput(const HostTensor* given, const char* what, int64_t samples,
                            std::initializer_list<int64_t> rest) {
    std::string wanted = fmt::format("[{}", samples);
    for (const int64_t size : rest) wanted += size < 0 ? ", any" : fmt::format(", {}", size);
    bool fits = given && given->shape.size() == rest.size() + 1 && given->shape[0] == samples && !given->empty();
    size_t axis = 1;
    for (const int64_t size : rest) {
        fits = fits && (size < 0 || given->shape[axis] == size);
        ++axis;
    }
    if (!fits)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("this U-Net needs {} of shape {}], {}", what, wanted,
                                          given ? "found " + shapeText(given->shape) : "and none was given"));
    return *given;
}

}  // namespace

struct UnetDenoiser::Workspace : DenoiserWorkspace {
    Workspace(Backend& backend, int64_t count) : samples(count), pool(backend) {}
    const DeviceTensor& output() const override { return picture; }
    int64_t samples;
    TensorPool pool;
    DeviceTensor waves, hidden, time, part, activated;  // [samples, ...]
    DeviceTensor picture;
};

UnetDenoiser::UnetDenoiser(Backend& backend, WeightLoader& loader, const ModelDescription& description)
    : m_backend(backend), m_description(description), m_config(dynamic_cast<const Config&>(*m_description.details)) {
    requireOperations(backend.table());
    Assembler assembler(m_config, &loader);
    m_network = assembler.assemble();
    m_packedBytes = assembler.packedBytes() +
                    static_cast<uint64_t>(m_network.classes.empty() ? 0 : m_network.classes.elements()) * sizeof(float);
}

std::unique_ptr<DenoiserWorkspace> UnetDenoiser::makeWorkspace(int64_t samples) const {
    auto work = std::make_unique<Workspace>(m_backend, samples);
    work->waves = m_backend.tensor({samples, 2 * m_network.frequencies.dim(0)});
    for (DeviceTensor* small : {&work->hidden, &work->time, &work->part, &work->activated})
        *small = m_backend.tensor({samples, m_config.timeWidth});
    work->picture = m_backend.tensor({samples, m_config.channels, m_config.side, m_config.side});
    return work;
}

void UnetDenoiser::embed(Workspace& work, const DeviceTensor& t, const Condition& condition,
                         DenoiserObserver* observer) const {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const auto check = [&](MsStatus status) { m_backend.check(status); };
    check(ops.waves(context, t.get(), m_network.frequencies.get(), m_config.sinFirst, work.waves.get()));
    check(ops.linear(context, work.waves.get(), m_network.time1.get(), MS_ACT_SILU, work.hidden.get()));
    check(ops.linear(context, work.hidden.get(), m_network.time2.get(), MS_ACT_NONE, work.time.get()));
    if (observer && observer->wants(Tap::TimeEmbed)) observer->tapped(Tap::TimeEmbed, -1, work.time);
    if (!m_network.classes.empty()) {
        check(ops.gather_rows(context, m_network.classes.get(), condition.labels.get(), work.part.get()));
        check(ops.add(context, work.time.get(), work.part.get(), work.time.get()));
    }
    if (m_config.addedWidth) addText(work, condition);
    check(ops.activate(context, work.time.get(), MS_ACT_SILU, work.activated.get()));
}

void UnetDenoiser::addText(Workspace& work, const Condition& condition) const {
    const MsBackendTable& ops = m_backend.table();
    MsContext* context = m_backend.context();
    const HostTensor& pooled = textInput(condition.pooledText, "a pooled text", work.samples, {-1});
    const int64_t rest = m_config.addedWidth - pooled.shape[1];
    if (rest < m_config.idWaves || rest % m_config.idWaves != 0)
        throw EngineException(
            ErrorCode::InvalidArgument,
            fmt::format(
                "this U-Net adds {} columns to its time, the pooled text and {} for each of some time ids; found a "
                "pooled text of {}",
                m_config.addedWidth, m_config.idWaves, pooled.shape[1]));
    const HostTensor& ids = textInput(condition.timeIds, "time ids", work.samples, {rest / m_config.idWaves});
    auto text = work.pool.take(pooled.shape), numbers = work.pool.take({ids.size()});
    m_backend.check(ops.upload(context, text.get(), pooled.data.data(), pooled.data.size() * sizeof(float)));
    m_backend.check(ops.upload(context, numbers.get(), ids.data.data(), ids.data.size() * sizeof(float)));
    auto waves = work.pool.take({ids.size(), m_config.idWaves}),
         both = work.pool.take({work.samples, m_config.addedWidth});
    m_backend.check(
        ops.waves(context, numbers.get(), m_network.addedFrequencies.get(), m_config.sinFirst, waves.get()));
    waves.reshape({work.samples, rest});
    m_backend.check(ops.concat_columns(context, text.get(), waves.get(), both.get()));
    m_backend.check(ops.linear(context, both.get(), m_network.added1.get(), MS_ACT_SILU, work.hidden.get()));
    m_backend.check(ops.linear(context, work.hidden.get(), m_network.added2.get(), MS_ACT_NONE, work.part.get()));
    m_backend.check(ops.add(context, work.time.get(), work.part.get(), work.time.get()));
}

TensorPool::Lease UnetDenoiser::uploadContext(Workspace& work, const Condition& condition) const {
    const HostTensor& text = textInput(condition.context, "encoded text", work.samples, {-1, m_config.contextWidth});
    auto rows = work.pool.take({work.samples * text.shape[1], m_config.contextWidth});
    m_backend.check(
        m_backend.table().upload(m_backend.context(), rows.get(), text.data.data(), text.data.size() * sizeof(float)));
    return rows;
}

void UnetDenoiser::forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t,
                           const Condition& condition, DenoiserObserver* observer) const {
    auto& work = static_cast<Workspace&>(workspace);
    const int64_t samples = work.samples, side = m_config.side, pixels = side * side;
    const auto text = m_config.contextWidth ? uploadContext(work, condition) : TensorPool::Lease();
    embed(work, t, condition, observer);
    Runner runner(m_backend, work.pool, m_config, samples, work.activated, text ? &*text : nullptr);
    int block = 0;
    const auto tap = [&](Tap place, int number, const Picture& picture) {
        if (observer && observer->wants(place)) observer->tapped(place, number, *picture.pixels);
    };

    std::vector<Picture> skips;  // what the way up gets back, last in first out; the last is also where the way down is
    {
        Picture input{work.pool.take({samples * pixels, m_config.channels}), side};
        m_backend.check(m_backend.table().patchify(m_backend.context(), x.get(), 1, input.pixels.get()));
        input.pixels.reshape({samples, pixels, m_config.channels});
        skips.push_back(runner.conv(m_network.in, input));
    }
    tap(Tap::PatchEmbed, -1, skips.back());
    for (const LevelWeights& level : m_network.down) {
        for (const Stage& stage : level.stages) skips.push_back(runner.stage(stage, skips.back()));
        if (level.resample) skips.push_back(runner.conv(*level.resample, skips.back(), Resample::Down));
        tap(Tap::BlockOutput, block++, skips.back());
    }
    Picture now;
    for (const Stage& stage : m_network.middle) now = runner.stage(stage, now.side ? now : skips.back());
    if (now.side) tap(Tap::BlockOutput, block++, now);
    for (const LevelWeights& level : m_network.up) {
        for (const Stage& stage : level.stages) {
            const Picture both = runner.joined(now.side ? now : skips.back(), skips.back());
            skips.pop_back();
            now = {};
            now = runner.stage(stage, both);
        }
        if (level.resample) now = runner.conv(*level.resample, now, Resample::Up);
        tap(Tap::BlockOutput, block++, now);
    }
    Picture out = runner.output(m_network.normOut, m_network.out, std::move(now));
    out.pixels.reshape({samples * pixels, m_config.channels});
    m_backend.check(m_backend.table().unpatchify(m_backend.context(), out.pixels.get(), 1, work.picture.get()));
}

}  // namespace moescope::unet
