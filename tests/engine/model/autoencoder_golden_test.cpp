// SPDX-License-Identifier: GPL-3.0-or-later
// The autoencoder against the reference tensors of the vae-tiny case, made with PyTorch.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/backend/backend.h"
#include "engine/model/autoencoder_kl.h"
#include "tests/support/random_tensor.h"
#include "tests/support/vae_fixture.h"

namespace moescope {
namespace {

using test::NamedTensors;
using test::relativeDifference;

const std::filesystem::path kCase = MOESCOPE_TEST_DATA "/golden/vae-tiny";
// The case's stated limit for fp32 against its fp64 recomputation.
constexpr double kLimit = 1e-5;

/// Observed values of all samples, put together as a batch.
class Collector {
public:
    AutoencoderObserver observer() {
        return [this](std::string_view name, int64_t, const HostTensor& value) {
            HostTensor& all = values[std::string(name)];
            if (all.empty()) {
                all.shape = value.shape;
                all.shape.insert(all.shape.begin(), 0);
            }
            ++all.shape[0];
            all.data.insert(all.data.end(), value.data.begin(), value.data.end());
        };
    }
    NamedTensors values;
};

/// Everything the case stores, computed by the engine.
NamedTensors computed(const AutoencoderKl& vae, const NamedTensors& golden, int64_t stripRows) {
    Collector collector;
    const AutoencoderRunOptions watched{stripRows, collector.observer()};
    const AutoencoderRunOptions plain{stripRows, {}};
    NamedTensors out;
    out["decoded"] = vae.decode(golden.at("latent"), watched);
    out["decoded_255"] = pictureLevels(out["decoded"]);
    out["decoded_scaled"] = vae.decode(unscaleLatent(vae.config(), golden.at("latent")), plain);
    out["decoded_nonsquare"] = vae.decode(golden.at("latent_nonsquare"), plain);
    const AutoencoderMoments encoded = vae.encode(golden.at("image"), watched);
    out["encoded.moments"] = encoded.moments;
    out["encoded.mean"] = encoded.mean;
    out["encoded.logvar"] = encoded.logvar;
    out["encoded.std"] = encoded.std();
    out["encoded.sample"] = encoded.sample(golden.at("encoded.noise"));
    out.merge(collector.values);
    return out;
}

void expectGolden(const std::filesystem::path& weights, const std::string& isa = "auto") {
    Backend backend(cpuBackendTable(), {2, isa});
    auto vae = AutoencoderKl::load(backend, weights);
    ASSERT_TRUE(vae.ok()) << vae.error().message;
    const NamedTensors golden = test::readTensors(kCase / "vae.safetensors");
    const NamedTensors out = computed(**vae, golden, 0);
    const std::set<std::string> inputs{"latent", "latent_nonsquare", "image", "encoded.noise"};
    for (const auto& [key, expected] : golden) {
        if (inputs.contains(key)) continue;
        ASSERT_TRUE(out.contains(key)) << key << " was not computed";
        EXPECT_EQ(out.at(key).shape, expected.shape) << key;
        const double difference = relativeDifference(out.at(key).data, expected.data);
        EXPECT_LE(difference, kLimit) << key;
    }
}

TEST(AutoencoderGolden, DecodesAndEncodesAsTheReference) {
    expectGolden(kCase);
}

TEST(AutoencoderGolden, EveryInstructionLevelAgreesWithTheReference) {
    for (const char* isa : {"avx512", "avx2", "sse4"}) {
        SCOPED_TRACE(isa);
        const auto offered = guarded([&] { return Backend(cpuBackendTable(), {1, isa}).description(); });
        if (offered.ok()) expectGolden(kCase, isa);  // others are not of this processor
    }
}

TEST(AutoencoderGolden, ReadsTheOldAttentionNames) {
    expectGolden(kCase / "old-names");
}

TEST(AutoencoderGolden, ReadsASingleFileWithItsConfigBeside) {
    expectGolden(kCase / "diffusion_pytorch_model.safetensors");
}

TEST(AutoencoderGolden, ReadsTheNamesOfLatentDiffusion) {
    const test::TemporaryFolder folder;
    const NamedTensors current = test::readTensors(kCase / "diffusion_pytorch_model.safetensors");
    NamedTensors stored;
    for (const auto& [name, tensor] : test::latentDiffusionNames(current, 4))
        stored.emplace("first_stage_model." + name, tensor);
    stored.emplace("model.diffusion_model.out.2.bias",
                   HostTensor({4}));  // the rest of a full checkpoint is not looked at
    test::writeTensors(folder.path() / "full.ckpt", stored);
    std::filesystem::copy_file(kCase / "config.json", folder.path() / "config.json");
    expectGolden(folder.path() / "full.ckpt");
}

TEST(AutoencoderGolden, StripsChangeNoBit) {
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, kCase).orThrow();
    const NamedTensors golden = test::readTensors(kCase / "vae.safetensors");
    const NamedTensors whole = computed(*vae, golden, 1 << 20);
    for (const int64_t strip : {0, 1, 3})
        for (const auto& [key, value] : computed(*vae, golden, strip))
            EXPECT_EQ(value.data, whole.at(key).data) << key << " with strips of " << strip << " rows";
}

TEST(AutoencoderGolden, ThreadsChangeNoBit) {
    const NamedTensors golden = test::readTensors(kCase / "vae.safetensors");
    std::map<int, HostTensor> pictures;
    for (const int threads : {1, 2, 3}) {
        Backend backend(cpuBackendTable(), {threads});
        const auto vae = AutoencoderKl::load(backend, kCase).orThrow();
        pictures[threads] = vae->decode(golden.at("latent"));
    }
    EXPECT_EQ(pictures[2].data, pictures[1].data);
    EXPECT_EQ(pictures[3].data, pictures[1].data);
}

TEST(AutoencoderGolden, APictureOfABatchEqualsTheOneDecodedAlone) {
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, kCase).orThrow();
    const HostTensor batch = test::readTensors(kCase / "vae.safetensors").at("latent");
    const HostTensor pictures = vae->decode(batch);
    const HostTensor second({4, 8, 8}, {batch.data.begin() + 4 * 64, batch.data.end()});
    const HostTensor alone = vae->decode(second);
    EXPECT_EQ(alone.shape, (Shape{3, 64, 64}));
    EXPECT_EQ(alone.data, std::vector<float>(pictures.data.begin() + 3 * 64 * 64, pictures.data.end()));
}

/// The levels are not stored as tensors; their standard deviations are.
TEST(AutoencoderGolden, LevelsSpreadAsTheReference) {
    Backend backend(cpuBackendTable(), {2});
    const auto vae = AutoencoderKl::load(backend, kCase).orThrow();
    const NamedTensors out = computed(*vae, test::readTensors(kCase / "vae.safetensors"), 0);
    std::ifstream file(kCase / "case.json");
    const nlohmann::json reference = nlohmann::json::parse(file).at("std");
    for (const char* key : {"decode.up.0", "decode.up.1", "decode.up.2", "decode.up.3", "encode.down.0",
                            "encode.down.1", "encode.down.2", "encode.down.3"}) {
        ASSERT_TRUE(out.contains(key)) << key;
        const std::vector<float>& values = out.at(key).data;
        double sum = 0.0, square = 0.0;
        for (const float value : values) sum += value, square += static_cast<double>(value) * value;
        const double count = static_cast<double>(values.size());
        const double deviation = std::sqrt((square - sum * sum / count) / (count - 1));
        EXPECT_NEAR(deviation / reference.at(key).get<double>(), 1.0, kLimit) << key;
    }
}

}  // namespace
}  // namespace moescope
