// SPDX-License-Identifier: Apache-2.0
#include "engine/train/run_start.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/model/checkpoint.h"
#include "engine/model/compose_model.h"
#include "engine/model/prompt_tokenizer.h"
#include "engine/model/layout_options.h"
#include "engine/train/initial_weights.h"
#include "engine/train/latent_source.h"
#include "engine/train/picture_source.h"

namespace moescope::train {
namespace {

std::filesystem::path below(const std::filesystem::path& folder, const std::string& path) {
    const std::filesystem::path given(path);
    return given.is_absolute() || folder.empty() ? given : folder / given;
}

std::shared_ptr<const Checkpoint> openStart(const std::filesystem::path& folder, const std::string& path) {
    return Checkpoint::open(below(folder, path)).orThrow();
}

PromptConfig promptOf(const Recipe& recipe, const std::filesystem::path& recipeFolder, const BatchSource& source) {
    PromptConfig prompt;
    prompt.layers = recipe.prompt.layers;
    prompt.inner = recipe.prompt.inner;
    const std::string& start = recipe.start.checkpoint.empty() ? recipe.start.upcycle : recipe.start.checkpoint;
    if (!start.empty()) prompt.tokenizer = openStart(recipeFolder, start)->description().prompt.tokenizer;
    if (prompt.tokenizer) return prompt;
    std::vector<std::string> texts = source.captions();
    if (std::all_of(texts.begin(), texts.end(), [](const std::string& text) { return text.empty(); })) texts = source.classNames();
    if (texts.empty())
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{} learns from captions, and these pictures have none; put a text file beside each picture, a "
                                          "metadata.jsonl, or a folder per class",
                                          recipe.model.family));
    prompt.tokenizer = PromptTokenizer::train(texts, recipe.prompt.vocabulary).orThrow();
    return prompt;
}

PreparedSize preparedSize(const Recipe& recipe) {
    PreparedSize size;
    size.side = recipe.data.side;
    size.fit = recipe.data.pad ? PreparedSize::Fit::Pad : PreparedSize::Fit::Crop;
    size.flip = recipe.data.flip;
    return size;
}

/// The pictures as latents of the recipe's autoencoder, encoded once into the run's folder.
RunData openLatents(const Recipe& recipe, const RunOptions& options, const SplitSet& split) {
    if (recipe.data.vae.empty())
        throw EngineException(ErrorCode::InvalidArgument, "a model on latents needs an autoencoder to encode the pictures with; give data.vae");
    std::error_code code;
    std::filesystem::create_directories(options.folder, code);
    LatentSourceOptions source{below(options.recipeFolder, recipe.data.vae), options.folder / "latents.safetensors", preparedSize(recipe),
                               recipe.training.batch, recipe.training.seed, options.threads};
    RunData data;
    data.learned = makeLatentSource(split.learned, source).orThrow();
    source.size.flip = false;
    source.cache = options.folder / "latents-kept-aside.safetensors";
    if (split.heldOut) data.heldOut = makeLatentSource(split.heldOut, source).orThrow();
    return data;
}

}  // namespace

Result<RunData> openRunData(const Recipe& recipe, const RunOptions& options) {
    return guarded([&] {
        if (recipe.data.paths.empty())
            throw EngineException(ErrorCode::InvalidArgument, "the recipe names no pictures; give data.path in it or --data on the command line");
        std::vector<std::unique_ptr<PictureSet>> sets;
        for (const std::string& path : recipe.data.paths) sets.push_back(openPictureSet(below(options.recipeFolder, path).string()).orThrow());
        std::shared_ptr<const PictureSet> set = sets.size() == 1 ? std::move(sets.front()) : joinPictureSets(std::move(sets)).orThrow();
        const SplitSet split = splitSet(std::move(set), recipe.data.heldOut);
        if (spaceOf(recipe.model.config) == PictureSpace::SdLatent) return openLatents(recipe, options, split);
        PictureSourceOptions source;
        source.size = preparedSize(recipe);
        source.batch = recipe.training.batch;
        source.seed = recipe.training.seed;
        RunData data;
        data.learned = makePictureSource(split.learned, source).orThrow();
        source.size.flip = false;
        if (split.heldOut) data.heldOut = makePictureSource(split.heldOut, source).orThrow();
        return data;
    });
}

Result<ModelDescription> describeRun(const Recipe& recipe, const std::filesystem::path& recipeFolder, const BatchSource& source) {
    return guarded([&] {
        TransformerConfig config = recipe.model.config;
        const bool prompts = readsPrompts(recipe.model.family);
        config.classes = prompts ? 0 : static_cast<int64_t>(source.classNames().size());
        if (config.classes < 1 && !prompts)
            throw EngineException(ErrorCode::InvalidArgument,
                                  fmt::format("{} learns one picture class per label, and these pictures have no classes; put them into a folder per "
                                              "class, or choose a family that takes prompts",
                                              recipe.model.family));
        ModelDescription description =
            prompts ? composeModel(recipe.model.family, config, promptOf(recipe, recipeFolder, source)).orThrow()
                    : composeModel(recipe.model.family, config).orThrow();
        description.prediction = recipe.model.prediction;
        description.defaults.tEps = recipe.training.tEps;
        description.defaults.noiseScale = recipe.training.noiseScale;
        const TransformerConfig& made = description.config;
        if (const Shape expected{made.inChannels, made.inputSide(), made.inputSide()}; source.pictureShape() != expected)
            throw EngineException(ErrorCode::InvalidArgument, fmt::format("the model takes {}, the data gives {}; check model.image_size and model.channels",
                                                                          shapeText(expected), shapeText(source.pictureShape())));
        return description;
    });
}

std::string longCaptionRemark(const ModelDescription& description, const BatchSource& source) {
    if (!description.prompt.tokenizer) return {};
    const std::vector<std::string> captions = source.captions();
    const int64_t places = description.config.contextTokens;
    const auto cut = std::count_if(captions.begin(), captions.end(), [&](const std::string& caption) {
        return !description.prompt.tokenizer->encode(caption, places).cutWords.empty();
    });
    if (cut == 0) return {};
    return fmt::format("{} of {} captions have more pieces than the {} places of a prompt, so that their last words are not learned; "
                       "model.context_tokens gives more places",
                       cut, captions.size(), places);
}

Result<RunStart> startValues(const Recipe& recipe, const std::filesystem::path& recipeFolder, const ModelDescription& description,
                             const ParameterLayout& layout) {
    return guarded([&] {
        RunStart start;
        start.values.resize(static_cast<size_t>(layout.allValues()));
        randomWeights(description, layout, recipe.training.seed, start.values);
        if (!recipe.start.checkpoint.empty()) {
            const auto checkpoint = openStart(recipeFolder, recipe.start.checkpoint);
            start.freshExperts = copyWeights(checkpoint->view(), layout, start.values);
            start.notes.push_back(fmt::format("begins with the weights '{}' of {}; moments begin at zero, so this is not the run that made them",
                                              checkpoint->weightSet(), checkpoint->name()));
            if (!start.freshExperts.empty())
                start.notes.push_back(fmt::format("{} experts per layer are new and begin with random weights", start.freshExperts.size()));
        } else if (!recipe.start.upcycle.empty()) {
            const auto dense = openStart(recipeFolder, recipe.start.upcycle);
            upcycleWeights(dense->view(), description, layout, recipe.training.seed, recipe.start.routerNoise, start.values);
            start.notes.push_back(fmt::format("every expert begins as a copy of the feed-forward layers of {}", dense->name()));
        }
        return start;
    });
}

std::string modelWords(const ModelDescription& description) {
    return fmt::format("{}, {:.2f} million parameters, {:.2f} million active", description.family,
                       static_cast<double>(description.totalParameters()) / 1e6, static_cast<double>(description.activeParameters()) / 1e6);
}

}  // namespace moescope::train
