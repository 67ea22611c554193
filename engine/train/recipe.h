// SPDX-License-Identifier: Apache-2.0
// What is to be trained and how: a YAML file with every choice of the recipe as a field.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/model_description.h"
#include "engine/train/training_device.h"

namespace moescope::train {

enum class TimeSampling : uint8_t { Uniform, LogitNormal /* sigmoid(mean + std N(0, 1)) */ };
enum class Balance : uint8_t {
    None,
    Bias,       // the selection bias of experts above the mean load goes down, of those below it up, by a fixed rate
    Auxiliary,  // RouterLosses::auxiliary
    Both,
};
enum class RateShape : uint8_t { Constant, Cosine, Linear };  // after the warm-up, to zero at the last step

struct ModelRecipe {
    std::string family = "JiTMoE";
    TransformerConfig config;      // filled in but for what the data decides (classes)
    Prediction prediction = Prediction::CleanImage;
    int64_t sharedExperts = 1;
    bool everyBlock = false;       // mixtures in all blocks, else in odd ones
    RoutingGradient routingGradient = RoutingGradient::Chosen;
    bool dense = false;            // no mixtures at all
};

/// Of families that read prompts. The places of a prompt are the model's context tokens.
struct PromptRecipe {
    int64_t layers = 2;
    int64_t inner = 0;          // width of the feed-forward layers; 0: twice the model's
    int64_t vocabulary = 1024;  // pieces at most
};

struct DataRecipe {
    std::vector<std::string> paths;  // joined; relative to the recipe's folder; may be given on the command line instead
    int64_t side = 32;
    bool flip = false, pad = false;
    std::string vae;               // of latent models
    double heldOut = 0.02;         // share of the pictures that is not learned from
};

struct TrainingRecipe {
    int64_t steps = 1000, batch = 64, accumulation = 1;
    double rate = 1e-4, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0, clip = 0;
    int64_t warmup = 0;
    RateShape shape = RateShape::Constant;
    std::vector<double> averages{0.9999};
    bool rampAverages = false;
    TimeSampling time = TimeSampling::Uniform;
    double timeMean = 0, timeStd = 1;
    double tEps = 0.05, noiseScale = 1;
    double conditionDropout = 0.1;
    Balance balance = Balance::Bias;
    double balanceRate = 1e-3, auxiliaryWeight = 0.01, zLoss = 0;
    bool bf16 = false, checkpointing = false;
    uint64_t seed = 0;
};

/// Parts to be trained, the rest stays as it is bit for bit. Empty lists and false: everything is trained.
struct PartsRecipe {
    std::vector<int> experts;  // numbers, in every MoE layer
    bool router = false;
    bool any() const { return router || !experts.empty(); }
};

struct StartRecipe {
    std::string checkpoint;       // weights to begin with; empty: random ones
    std::string upcycle;          // a dense model whose feed-forward layers every expert copies
    double routerNoise = 0.02;    // standard deviation of an upcycled router
};

struct SavingRecipe {
    double minutes = 10;
    int64_t keep = 3;             // states kept, the newest
    std::vector<double> milestones;  // shares of the steps whose averages are kept for good
};

struct SamplesRecipe {
    int64_t every = 500;          // steps; 0: none
    int64_t count = 16;
    int64_t samplingSteps = 20;
    double cfgScale = 2.0;
    std::vector<std::string> prompts;
};

struct Recipe {
    std::string name = "untitled";
    ModelRecipe model;
    PromptRecipe prompt;
    DataRecipe data;
    TrainingRecipe training;
    PartsRecipe parts;
    StartRecipe start;
    SavingRecipe saving;
    SamplesRecipe samples;
    std::string text;  // the YAML it was read from
};

/// The error names line and field, what was expected and found, and for an unknown field the nearest known one.
Result<Recipe> parseRecipe(const std::string& yaml, const std::string& source);
Result<Recipe> readRecipe(const std::filesystem::path& file);
/// The YAML with fields replaced or added: "training.steps=100". The error names the assignment that is none.
Result<std::string> withFields(const std::string& yaml, const std::vector<std::string>& assignments);
/// "section.field: type, default" for every field, for documentation and completion.
std::vector<std::string> recipeFields();

std::string_view balanceName(Balance balance);

}  // namespace moescope::train
