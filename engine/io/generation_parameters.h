// SPDX-License-Identifier: Apache-2.0
// Everything that is needed to make a picture again, as it travels inside the picture: as JSON and as A1111's text.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// Keywords of the two texts in a PNG.
inline constexpr std::string_view generationJsonKeyword = "moescope";
inline constexpr std::string_view generationTextKeyword = "parameters";
inline constexpr std::string_view generationSchema = "moescope.generation/v1";

/// The settings of one picture of a run. Plain values; file names never have a folder.
struct GenerationParameters {
    std::string prompt;
    std::string negativePrompt;
    std::optional<int64_t> classId;
    std::string className;

    uint64_t seed = 0;       // of image 0 of the batch
    int64_t batchIndex = 0;  // which image of the batch this picture is
    int64_t batch = 1;
    int steps = 0;
    std::string sampler;  // "euler", "heun", "ddpm", "ddim"
    double cfgScale = 1;
    double cfgLow = 0;  // guidance interval in model time
    double cfgHigh = 1;
    double noiseScale = 1;
    double tEps = 0;
    double shift = 1;       // of a flow's noise levels
    double eta = 0;         // of DDIM
    std::string respacing;  // of a discrete diffusion, where its timesteps are not one section of `steps`
    std::string rng = "torch-cpu";         // "torch-cpu", "torch-cuda:SMS,THREADS", "file"
    std::string noiseBatch = "per-image";  // "per-image" or "joint"
    std::string noiseFile;                 // where rng is "file"
    std::string noiseHash;                 // of the starting noise

    std::string dtype;   // "f32", "bf16"
    std::string device;  // what it was made on: "CPU, AVX-512", "CUDA, NVIDIA H100 80GB HBM3"
    int width = 0;
    int height = 0;
    std::string modelName;
    std::string modelHash;
    std::string family;
    std::string weightSet;    // "ema", "model", "model_ema1" ...
    std::string pool;         // over what batch-wide routing chose; empty where nothing is batch-wide
    std::string version;      // of the program
    std::vector<double> nfe;  // model time of each network evaluation; may be empty
    std::string sessionFile;

    /// Fields of a file that this version does not know: kept, and written again.
    nlohmann::json other = nlohmann::json::object();

    bool operator==(const GenerationParameters&) const = default;
    /// What image `batchIndex` alone would be made with: seed + batchIndex, or the seed itself where noise is joint.
    uint64_t imageSeed() const { return noiseBatch == "joint" ? seed : seed + static_cast<uint64_t>(batchIndex); }
};

/// The last part of a path of any system: "/a/b.pth", "C:\a\b.pth" and "b.pth" give "b.pth"; "/a/b/" gives "b".
std::string fileNameOnly(std::string_view path);

nlohmann::json toJson(const GenerationParameters& parameters);
/// toJson as text; bytes that are not UTF-8 become U+FFFD.
std::string toJsonText(const GenerationParameters& parameters);
/// Missing fields get their defaults, unknown ones are kept in `other`; another schema or a wrong type is an error.
Result<GenerationParameters> fromJson(const nlohmann::json& json);
Result<GenerationParameters> fromJsonText(std::string_view text);

/// The text that A1111's web UI writes and other programs show: prompt, "Negative prompt: ...", and a last line of
/// "Steps: 20, Sampler: Euler, ..." in which a value with a comma, colon or line break is quoted like a JSON string.
/// "Seed" is the picture's own (imageSeed).
std::string toA1111Text(const GenerationParameters& parameters);
/// The reverse, also for the text of other programs: entries that have no meaning here are skipped.
Result<GenerationParameters> parseA1111Text(std::string_view text);

}  // namespace moescope
