// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/mixer_network.h"

#include <cmath>
#include <map>

#include <fmt/format.h>

namespace moescope::test {
namespace {

constexpr double kNormEps = 1e-6, kTimeScale = 16, kMaxPeriod = 10000;

using Values = std::vector<float>;

Values silu(Values values) {
    for (float& v : values) v = static_cast<float>(static_cast<double>(v) / (1 + std::exp(-static_cast<double>(v))));
    return values;
}

/// rows [n, D], each to mean 0 and variance 1.
Values normed(const Values& rows, size_t width) {
    Values out(rows.size());
    for (size_t r = 0; r < rows.size(); r += width) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < width; ++i) mean += static_cast<double>(rows[r + i]);
        mean /= static_cast<double>(width);
        for (size_t i = 0; i < width; ++i) square += (static_cast<double>(rows[r + i]) - mean) * (static_cast<double>(rows[r + i]) - mean);
        const double scale = 1 / std::sqrt(square / static_cast<double>(width) + kNormEps);
        for (size_t i = 0; i < width; ++i) out[r + i] = static_cast<float>((static_cast<double>(rows[r + i]) - mean) * scale);
    }
    return out;
}

Values transposed(const Values& matrix, size_t rows, size_t columns) {
    Values out(matrix.size());
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
    return out;
}

class MixerDenoiser final : public Denoiser {
public:
    MixerDenoiser(Backend& backend, WeightLoader& loader, ModelDescription description) : m_backend(backend), m_description(std::move(description)) {
        for (const ExpectedTensor& tensor : m_description.tensors)
            m_weights[tensor.name] = backend.fetch(loader.tensor(tensor.name, tensor.shape));
    }
    const ModelDescription& description() const override { return m_description; }
    Backend& backend() const override { return m_backend; }
    uint64_t packedBytes() const override {
        uint64_t bytes = 0;
        for (const auto& [name, tensor] : m_weights) bytes += tensor.data.size() * sizeof(float);
        return bytes;
    }
    std::unique_ptr<DenoiserWorkspace> makeWorkspace(int64_t samples) const override {
        const TransformerConfig& c = m_description.config;
        auto work = std::make_unique<Workspace>();
        work->velocity = m_backend.tensor({samples, c.inChannels, c.inputSide(), c.inputSide()});
        return work;
    }
    void forward(DenoiserWorkspace& workspace, const DeviceTensor& x, const DeviceTensor& t, const Condition& condition,
                 DenoiserObserver*) const override {
        auto& work = static_cast<Workspace&>(workspace);
        const HostTensor pictures = m_backend.fetch(x), times = m_backend.fetch(t);
        std::vector<int32_t> labels(times.data.size());
        m_backend.download(condition.labels, std::span(labels));
        m_backend.synchronize();
        const size_t each = pictures.data.size() / times.data.size();
        if (!condition.prompt) throw EngineException(ErrorCode::InvalidArgument, "a mixer takes prompts");
        Values velocity;
        for (size_t sample = 0; sample < times.data.size(); ++sample) {
            const auto first = pictures.data.begin() + static_cast<std::ptrdiff_t>(sample * each);
            const auto width = static_cast<size_t>(m_description.promptWidth);
            const auto prompt = condition.prompt->data.begin() + static_cast<std::ptrdiff_t>(sample * width);
            Values own = one({first, first + static_cast<std::ptrdiff_t>(each)}, times.data[sample],
                                   {prompt, prompt + static_cast<std::ptrdiff_t>(width)});
            for (float& value : own) value += m_description.config.classes ? static_cast<float>(labels[sample]) : 0.0f;
            velocity.insert(velocity.end(), own.begin(), own.end());
        }
        m_backend.upload(work.velocity, std::span<const float>(velocity));
    }

private:
    struct Workspace : DenoiserWorkspace {
        const DeviceTensor& output() const override { return velocity; }
        DeviceTensor velocity;
    };

    Values linear(const std::string& name, const Values& rows) const {
        const HostTensor& weight = m_weights.at(name + ".weight");
        const HostTensor& bias = m_weights.at(name + ".bias");
        const auto out = static_cast<size_t>(weight.shape[0]), in = static_cast<size_t>(weight.shape[1]);
        Values result(rows.size() / in * out);
        for (size_t r = 0; r < rows.size() / in; ++r)
            for (size_t o = 0; o < out; ++o) {
                double sum = static_cast<double>(bias.data[o]);
                for (size_t i = 0; i < in; ++i) sum += static_cast<double>(weight.data[o * in + i]) * static_cast<double>(rows[r * in + i]);
                result[r * out + o] = static_cast<float>(sum);
            }
        return result;
    }

    Values timeFeatures(float t) const {
        const auto half = static_cast<size_t>(m_description.config.waves / 2);
        Values waves(2 * half);
        for (size_t i = 0; i < half; ++i) {
            const double angle = kTimeScale * static_cast<double>(t) * std::pow(kMaxPeriod, -static_cast<double>(i) / static_cast<double>(half));
            waves[i] = static_cast<float>(std::cos(angle));
            waves[half + i] = static_cast<float>(std::sin(angle));
        }
        return waves;
    }

    /// Channel, row, column inside a token, both ways.
    Values toTokens(const Values& picture, bool back) const {
        const TransformerConfig& c = m_description.config;
        Values out(picture.size());
        const auto channels = static_cast<size_t>(c.inChannels), patch = static_cast<size_t>(c.patch), grid = static_cast<size_t>(c.grid),
                   side = patch * grid;
        size_t token = 0;
        for (size_t gy = 0; gy < grid; ++gy)
            for (size_t gx = 0; gx < grid; ++gx)
                for (size_t ch = 0; ch < channels; ++ch)
                    for (size_t y = 0; y < patch; ++y)
                        for (size_t x = 0; x < patch; ++x, ++token) {
                            const size_t pixel = (ch * side + gy * patch + y) * side + gx * patch + x;
                            (back ? out[pixel] : out[token]) = back ? picture[token] : picture[pixel];
                        }
        return out;
    }

    Values one(const Values& picture, float t, const Values& prompt) const {
        const auto width = static_cast<size_t>(m_description.config.width), tokens = static_cast<size_t>(m_description.config.imageTokens());
        Values c = linear("time_out", silu(linear("time_in", timeFeatures(t))));
        const Values words = linear("prompt", prompt);
        for (size_t i = 0; i < width; ++i) c[i] += words[i];
        Values h = linear("embed", toTokens(picture, false));
        const HostTensor& position = m_weights.at("position");
        for (size_t i = 0; i < h.size(); ++i) h[i] += position.data[i];
        for (int64_t block = 0; block < m_description.config.depth; ++block) {
            const std::string name = fmt::format("blocks.{}.", block);
            const Values modulation = linear(name + "modulation", silu(c));
            const auto modulate = [&](size_t chunk) {
                Values rows = normed(h, width);
                for (size_t i = 0; i < rows.size(); ++i)
                    rows[i] = rows[i] * (1 + modulation[(chunk + 1) * width + i % width]) + modulation[chunk * width + i % width];
                return rows;
            };
            const auto add = [&](const Values& rows, size_t gate) {
                for (size_t i = 0; i < h.size(); ++i) h[i] += modulation[gate * width + i % width] * rows[i];
            };
            const Values mixed = linear(name + "token_out", silu(linear(name + "token_in", transposed(modulate(0), tokens, width))));
            add(transposed(mixed, width, tokens), 2);
            add(linear(name + "channel_out", silu(linear(name + "channel_in", modulate(3)))), 5);
        }
        return toTokens(linear("head", normed(h, width)), true);
    }

    Backend& m_backend;
    ModelDescription m_description;
    std::map<std::string, HostTensor> m_weights;
};

bool recognise(const WeightView& view) { return view.has("blocks.0.token_in.weight") && view.has("prompt.weight"); }

Result<ModelDescription> describe(const WeightView& view, SettingBag& settings) {
    ModelDescription d;
    d.family = "Mixer";
    d.space = PictureSpace::SdLatent;
    TransformerConfig& c = d.config;
    const auto setting = [&](const char* name) {
        const auto value = settings.integer({name});
        if (!value) d.unknownSettings.emplace_back(name);
        return value.value_or(1);
    };
    c.inChannels = c.outChannels = setting("channels");
    c.patch = setting("patch");
    c.grid = setting("size") / c.patch;
    c.width = view.shape("embed.weight")[0];
    c.heads = 1;
    c.headWidth = c.width;
    c.depth = countBlocks(view);
    c.classes = settings.integer({"classes"}).value_or(0);
    const std::string predicts = settings.text({"predicts"}).value_or("velocity");
    if (predicts == "clean") d.prediction = Prediction::CleanImage;
    if (predicts == "noise") d.prediction = Prediction::Noise;
    if (predicts == "backwards") d.time = {0, 1000, 0};
    c.waves = view.shape("time_in.weight")[1];
    d.promptWidth = view.shape("prompt.weight")[1];
    const int64_t tokens = c.imageTokens(), inside = c.inChannels * c.patch * c.patch;
    const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        d.tensors.push_back({name + ".weight", {out, in}});
        d.tensors.push_back({name + ".bias", {out}});
    };
    linear("embed", c.width, inside);
    d.tensors.push_back({"position", {tokens, c.width}});
    linear("time_in", c.width, c.waves);
    linear("time_out", c.width, c.width);
    linear("prompt", c.width, d.promptWidth);
    for (int64_t block = 0; block < c.depth; ++block) {
        const std::string name = fmt::format("blocks.{}.", block);
        const int64_t tokenHidden = view.shape(name + "token_in.weight")[0], channelHidden = view.shape(name + "channel_in.weight")[0];
        linear(name + "token_in", tokenHidden, tokens);
        linear(name + "token_out", tokens, tokenHidden);
        linear(name + "channel_in", channelHidden, c.width);
        linear(name + "channel_out", c.width, channelHidden);
        linear(name + "modulation", 6 * c.width, c.width);
    }
    linear("head", inside, c.width);
    return d;
}

std::unique_ptr<Denoiser> load(Backend& backend, WeightLoader& loader, const ModelDescription& description) {
    return std::make_unique<MixerDenoiser>(backend, loader, description);
}

}  // namespace

const FamilyDefinition& mixerFamily() {
    static const FamilyDefinition family{"Mixer", recognise, describe, [](const ReleasedSize&) { return ModelDescription(); }, load};
    return family;
}

void registerMixerFamily() { registerModelFamily(mixerFamily()); }

}  // namespace moescope::test
