// SPDX-License-Identifier: GPL-3.0-or-later
// torch's CUDA normals drawn by the device: against the reference draws, and in a run that adds noise at every step.
#include <cmath>

#include "engine/sampling/torch_cuda_rng.h"
#include "tests/engine/cuda/plugin_under_test.h"
#include "tests/support/embedded_model.h"
#include "tests/support/rng_golden.h"
#include "tests/support/test_data.h"

namespace moescope::test {
namespace {

const uint64_t kResident = TorchCudaGenerator::residentThreads(TorchCudaGenerator::defaultMultiprocessors,
                                                               TorchCudaGenerator::defaultThreadsPerMultiprocessor);

class CudaNoise : public OnCuda {
protected:
    void SetUp() override {
        OnCuda::SetUp();
        if (!IsSkipped()) m_backend = open();
    }
    Backend& backend() { return *m_backend; }
    std::vector<float> drawn(uint64_t seed, uint64_t offset, uint64_t resident, const Shape& shape) {
        DeviceTensor out = m_backend->tensor(shape);
        m_backend->torchNormals(seed, offset, static_cast<int64_t>(resident), out);
        return fetched(*m_backend, out);
    }
    /// What a number may be off per length of the Box-Muller radius. The references take the angle, below 8, from a
    /// product and a sum that are each rounded to fp32, the device rounds once: together up to 3 2^-22, and as all are
    /// multiples of 2^-21 there, 2^-21. Sine or cosine and the logarithm are off by an ulp at most, the root halves
    /// that of the logarithm; it, the product and the reference are rounded once each: 5 2^-24. The special function
    /// unit adds 2^-21 (CUDA's guide, for angles up to pi), and as much for reducing the angles beyond.
    double perRadius() const { return 0x1p-21 + 5 * 0x1p-24 + (emulated() ? 0 : 2 * 0x1p-21); }

    /// Holds a draw against reference numbers.
    void expectNormals(const std::vector<float>& got, const std::vector<float>& wanted, uint64_t seed, uint64_t offset,
                       uint64_t resident, const std::string& what) {
        ASSERT_EQ(got.size(), wanted.size()) << what;
        const uint64_t threads = torchCudaGrid(wanted.size(), resident).threads;
        for (uint64_t i = 0; i < wanted.size(); ++i) {
            const uint64_t step = offset / 4 + i / (4 * threads), thread = i % threads;
            const auto words = philox4x32({static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32),
                                           static_cast<uint32_t>(thread), static_cast<uint32_t>(thread >> 32)},
                                          {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
            const auto word = static_cast<float>(words[i / threads % 4 < 2 ? 0 : 2]);
            const double radius = std::sqrt(-2 * std::log(static_cast<double>(word * 0x1p-32f + 0x1p-33f)));
            ASSERT_LE(std::abs(static_cast<double>(got[i]) - wanted[i]), perRadius() * radius)
                << what << " at " << i << ": " << got[i] << " instead of " << wanted[i];
        }
    }

private:
    std::unique_ptr<Backend> m_backend;
};

TEST_P(CudaNoise, DrawsEveryReferenceEntry) {
    const RngGolden golden("cuda");
    size_t checked = 0;
    uint64_t offset = 0;
    for (const auto& entry : golden.description.at("entries")) {
        const std::string key = entry.at("key");
        if (!entry.at("call").get<std::string>().starts_with("randn")) continue;
        const bool continues = entry.value("index", 0) > 0 || key.ends_with(".next");
        if (!continues) offset = 0;
        EXPECT_EQ(entry.value("philox_offset_before", offset), offset) << key;
        const uint64_t resident = TorchCudaGenerator::residentThreads(
            entry.value("multiprocessors", TorchCudaGenerator::defaultMultiprocessors),
            entry.value("threads_per_multiprocessor", TorchCudaGenerator::defaultThreadsPerMultiprocessor));
        const auto count = entry.at("n").get<int64_t>();
        expectNormals(drawn(seedOf(entry), offset, resident, {1, count}), golden.floats(key), seedOf(entry), offset,
                      resident, key);
        if (HasFatalFailure()) return;
        offset += 4 * torchCudaGrid(static_cast<uint64_t>(count), resident).rounds;
        ++checked;
    }
    EXPECT_GT(checked, 40u);
}

TEST_P(CudaNoise, DrawsEachOfABatchWithItsOwnSeed) {
    // One value, a block and one more, several rounds on 512 threads with a tail; the seeds pass 2^64.
    for (const int64_t values : {1, 257, 3 * 4 * 512 + 700}) {
        constexpr uint64_t kSeed = ~uint64_t{0} - 1;
        const Shape shape = values == 1 ? Shape{4} : Shape{4, values};
        const std::vector<float> all = drawn(kSeed, 8, 512, shape);
        for (int64_t i = 0; i < 4; ++i) {
            const uint64_t seed = kSeed + static_cast<uint64_t>(i);
            std::vector<float> own(all.begin() + i * values, all.begin() + (i + 1) * values);
            EXPECT_EQ(own, drawn(seed, 8, 512, {1, values})) << "a draw of a batch is the draw made alone";
            TorchCudaGenerator host(seed, 1, 512);
            std::vector<float> before(2 * 4 * 512), wanted(static_cast<size_t>(values));
            host.randn(before);  // two rounds
            ASSERT_EQ(host.offset(), 8u);
            host.randn(wanted);
            expectNormals(own, wanted, seed, 8, 512, std::to_string(values) + " values, draw " + std::to_string(i));
        }
    }
}

TEST_P(CudaNoise, CountsOffsetsBeyond32Bits) {
    constexpr uint64_t kOffset = uint64_t{4} << 33;
    EXPECT_NE(drawn(3, kOffset, kResident, {1, 8}), drawn(3, 0, kResident, {1, 8}));
    EXPECT_NE(drawn(uint64_t{1} << 32, 0, kResident, {1, 8}), drawn(0, 0, kResident, {1, 8}));
}

TEST_P(CudaNoise, RefusesWhatIsNoDrawAndTakesAnEmptyOne) {
    const DeviceTensor out = backend().tensor({2, 3}), none = backend().tensor({2, 0}),
                       whole = backend().tensor({2, 3}, MS_I32);
    MsContext* context = backend().context();
    EXPECT_EQ(table().torch_normals(context, 1, 0, 256, none.get()), MS_OK);
    EXPECT_EQ(table().torch_normals(context, 1, 0, 256, whole.get()), MS_INVALID);
    EXPECT_EQ(table().torch_normals(context, 1, 0, 0, out.get()), MS_INVALID);
    EXPECT_EQ(table().torch_normals(context, 1, 0, 300, out.get()), MS_INVALID);
    EXPECT_EQ(table().torch_normals(context, 1, 2, 256, out.get()), MS_INVALID);
    EXPECT_STREQ(table().last_error(context), "[torch_normals] expected an offset that is a multiple of 4, got 2");
    EXPECT_EQ(table().torch_normals(context, 1, 4, 256, out.get()), MS_OK) << "a refused call breaks nothing";
}

/// Two pictures in three steps that add noise.
std::shared_ptr<const RunRecord> ddpmRun(const MsBackendTable& table, NoiseSpec noise) {
    CheckpointOptions options;
    options.settings = {{"num_heads", 2}, {"top_k", 2}};
    const auto checkpoint = Checkpoint::open(goldenFolder() / "ditmoe-s-tiny/dit_moe_tiny_8E2A.pt", options).orThrow();
    Backend backend(table, {1, "auto"});
    const auto denoiser = checkpoint->load(backend).orThrow();
    GenerationRequest request;
    request.sampler = checkpoint->description().defaults;
    request.sampler.steps = 3;
    request.classes = {5, 6};
    request.seed = 40;
    request.noise = noise;
    request.precision = LatentPrecision::F32;
    return runToEnd(*denoiser, request);
}

/// Uploads what the host draws, for two images of `hostValues` numbers each, and notes where.
const MsBackendTable* hostTable;
size_t hostValues;
std::vector<uint64_t> hostOffsets;
MsStatus hostNormals(MsContext* context, uint64_t seed, uint64_t offset, int64_t threads, MsTensor* out) {
    hostOffsets.push_back(offset);
    std::vector<float> drawn(2 * hostValues);
    for (size_t image = 0; image < 2; ++image) {
        TorchCudaGenerator generator(seed + image, 1, static_cast<int>(threads));
        const auto own = std::span(drawn).subspan(image * hostValues, hostValues);
        do generator.randn(own);
        while (generator.offset() <= offset);
    }
    return hostTable->upload(context, out, drawn.data(), drawn.size() * sizeof(float));
}

TEST_P(CudaNoise, ARunStartsFromAndAddsWhatTheDeviceDraws) {
    MsBackendTable without = table(), instead = table();
    without.size = offsetof(MsBackendTable, torch_normals);
    instead.torch_normals = hostNormals;
    NoiseSpec noise;
    noise.kind = NoiseSpec::Kind::TorchCuda;
    const auto uploaded = ddpmRun(without, noise);
    hostTable = &table();
    hostValues = uploaded->finalLatents.data.size() / 2;
    hostOffsets.clear();
    const auto drawn = ddpmRun(instead, noise);
    EXPECT_EQ(hostOffsets, (std::vector<uint64_t>{0, 4, 8, 12})) << "the start, then once per step";
    EXPECT_EQ(drawn->finalLatents.data, uploaded->finalLatents.data) << "the same numbers at the same places";
    EXPECT_EQ(drawn->parameters.noiseHash, uploaded->parameters.noiseHash);
    EXPECT_NE(ddpmRun(table(), noise)->parameters.noiseHash, uploaded->parameters.noiseHash) << "its own last bits";

    hostOffsets.clear();
    noise.joint = true;
    EXPECT_EQ(ddpmRun(instead, noise)->finalLatents.data, ddpmRun(without, noise)->finalLatents.data);
    EXPECT_EQ(ddpmRun(instead, {})->finalLatents.data, ddpmRun(without, {})->finalLatents.data);
    EXPECT_TRUE(hostOffsets.empty()) << "all other noise is the host's";
}

MOESCOPE_ON_CUDA(CudaNoise);

}  // namespace
}  // namespace moescope::test
