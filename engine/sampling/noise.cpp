// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <span>

#include "engine/io/npy_file.h"
#include "engine/io/tensor_source.h"
#include "engine/sampling/device_noise.h"
#include "engine/sampling/torch_cpu_rng.h"

namespace moescope {
namespace {

constexpr int64_t kMaxValues = int64_t{1} << 32;  // 16 GiB of fp32: beyond any batch of pictures

/// "132,2048"
bool parseCard(std::string_view text, int& multiprocessors, int& threads) {
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, multiprocessors);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ',') return false;
    const auto second = std::from_chars(first.ptr + 1, end, threads);
    return second.ec == std::errc{} && second.ptr == end && multiprocessors >= 1 && multiprocessors <= 65536 &&
           threads >= 256 && threads <= 65536 && threads % 256 == 0;
}

Result<HostTensor> readNoiseTensor(const std::filesystem::path& file) {
    if (file.extension() == ".npy") return readNpy(file);
    auto source = openTensorSource(file);
    if (!source) return source.error();
    const TensorSource& tensors = **source;
    const TensorInfo* info = tensors.find("noise");
    if (!info && tensors.tensors().size() == 1) info = &tensors.tensors().front();
    if (!info)
        return {ErrorCode::Format,
                fmt::format("'{}' holds {} tensors and none is called \"noise\"; keep only the noise, or "
                            "give it that name",
                            file.string(), tensors.tensors().size())};
    if (!isFloating(info->dtype))
        return {ErrorCode::Format,
                fmt::format("tensor \"{}\" in '{}' holds {} where noise needs floating-point numbers; "
                            "save it as float32",
                            info->name, file.string(), dtypeName(info->dtype))};
    if (info->elements() > kMaxValues)
        return {ErrorCode::Format, fmt::format("tensor \"{}\" in '{}' has shape {}, which is no noise of a picture",
                                               info->name, file.string(), shapeText(info->shape))};
    HostTensor tensor(info->shape);
    if (Status read = tensors.readFloat(*info, tensor.data); !read) return read.error();
    return tensor;
}

Result<HostTensor> noiseFromFile(const std::filesystem::path& file, const Shape& imageShape, const Shape& fullShape) {
    auto stored = readNoiseTensor(file);
    if (!stored) return stored.error();
    const bool oneForAll = stored->shape == imageShape;
    if (!oneForAll && stored->shape != fullShape)
        return {
            ErrorCode::InvalidArgument,
            fmt::format("the noise in '{}' has shape {} where {} (or {} for every image) is needed; choose the batch "
                        "and size that it was made for",
                        file.string(), shapeText(stored->shape), shapeText(fullShape), shapeText(imageShape))};
    const auto bad = std::ranges::find_if(stored->data, [](float value) { return !std::isfinite(value); });
    if (bad != stored->data.end())
        return {ErrorCode::Numeric, fmt::format("the noise in '{}' holds {} at position {} where finite numbers are "
                                                "needed; make the file again",
                                                file.string(), *bad, bad - stored->data.begin())};
    if (!oneForAll) return stored;
    HostTensor all(fullShape);
    for (size_t start = 0; start < all.data.size(); start += stored->data.size())
        std::ranges::copy(stored->data, all.data.begin() + static_cast<int64_t>(start));
    return all;
}

void draw(const NoiseSpec& spec, uint64_t seed, std::span<float> values) {
    if (spec.kind == NoiseSpec::Kind::TorchCuda)
        TorchCudaGenerator(seed, spec.multiprocessors, spec.threadsPerMultiprocessor).randn(values);
    else
        TorchCpuGenerator(seed).randn(values);
}

}  // namespace

Result<NoiseSpec> parseNoiseSpec(std::string_view rng, std::string_view batchMode, const std::filesystem::path& file) {
    constexpr std::string_view cuda = "torch-cuda";
    NoiseSpec spec;
    if (!rng.empty() && rng != "torch-cpu" && !(rng == "file" && !file.empty())) {
        spec.kind = NoiseSpec::Kind::TorchCuda;
        const bool card = rng.starts_with(cuda) && rng.substr(cuda.size()).starts_with(':');
        if (card && !parseCard(rng.substr(cuda.size() + 1), spec.multiprocessors, spec.threadsPerMultiprocessor))
            return {
                ErrorCode::InvalidArgument,
                fmt::format("\"{}\" does not name a card: after torch-cuda: come its multiprocessors (1 to 65536) and "
                            "threads per multiprocessor (a multiple of 256), for example torch-cuda:132,2048",
                            rng)};
        if (!card && rng != cuda)
            return {ErrorCode::InvalidArgument,
                    fmt::format("\"{}\" is no known source of noise; choose torch-cpu, torch-cuda or "
                                "torch-cuda:SMS,THREADS, or give a noise file",
                                rng)};
    }
    if (batchMode == "joint")
        spec.joint = true;
    else if (!batchMode.empty() && batchMode != "per-image")
        return {ErrorCode::InvalidArgument,
                fmt::format("\"{}\" is no way to draw the noise of a batch; choose per-image or joint", batchMode)};
    if (!file.empty()) {
        spec.kind = NoiseSpec::Kind::File;
        spec.file = file;
    }
    return spec;
}

std::string rngText(const NoiseSpec& spec) {
    if (spec.kind == NoiseSpec::Kind::File) return "file";
    if (spec.kind == NoiseSpec::Kind::TorchCpu) return "torch-cpu";
    if (spec.multiprocessors == TorchCudaGenerator::defaultMultiprocessors &&
        spec.threadsPerMultiprocessor == TorchCudaGenerator::defaultThreadsPerMultiprocessor)
        return "torch-cuda";
    return fmt::format("torch-cuda:{},{}", spec.multiprocessors, spec.threadsPerMultiprocessor);
}

std::string noiseBatchText(const NoiseSpec& spec) {
    return spec.joint ? "joint" : "per-image";
}

Result<HostTensor> makeNoise(const NoiseSpec& spec, uint64_t seed, int64_t batch, const Shape& imageShape,
                             Backend* device) {
    return guarded([&]() -> HostTensor {
        Shape fullShape{batch};
        fullShape.insert(fullShape.end(), imageShape.begin(), imageShape.end());
        int64_t count = 1;
        for (const int64_t extent : fullShape) {
            if (extent < 1 || extent > kMaxValues / count)
                throw EngineException(
                    ErrorCode::InvalidArgument,
                    fmt::format("noise of shape {} was asked for; every extent must be at least 1 and "
                                "the whole at most {} values",
                                shapeText(fullShape), kMaxValues));
            count *= extent;
        }
        if (spec.kind == NoiseSpec::Kind::File) return noiseFromFile(spec.file, imageShape, fullShape).orThrow();
        HostTensor noise(fullShape);
        if (device && drawsOnDevice(spec, *device)) {
            drawStartOnDevice(spec, seed, count / batch, *device, noise.data);
            return noise;
        }
        const size_t perDraw = noise.data.size() / (spec.joint ? 1 : static_cast<size_t>(batch));
        for (size_t start = 0; start < noise.data.size(); start += perDraw)
            draw(spec, seed++, std::span(noise.data).subspan(start, perDraw));
        return noise;
    });
}

}  // namespace moescope
