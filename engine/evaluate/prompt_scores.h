// SPDX-License-Identifier: Apache-2.0
// How often a model draws what it is asked for, on the prompts that a data set keeps for scoring.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/data/evaluation_prompts.h"
#include "engine/model/class_labels.h"
#include "engine/sampling/generator.h"

namespace moescope {

struct ScoreRequest {
    std::string set;                 // folder of the data set, with its evaluation.jsonl
    std::vector<std::string> kinds;  // of prompts; empty: all
    int64_t limit = 0;               // prompts of each kind, spread evenly; 0: all
    uint64_t seed = 0;               // picture i is made with seed + i
    SamplerSettings sampler;
};

/// Right: a prompt with a class, whose nearest training picture is of that class (top 1); a prompt with a scene, whose
/// shapes, colours, counts and relations are found.
struct ScoredPrompt {
    EvaluationPrompt prompt;
    bool right = false;
    std::string found;  // "class 'cat'", or what of a scene does not hold: "count, relations"
    Picture picture;
};

struct KindScore {
    std::string kind;
    int64_t prompts = 0, right = 0;
    // Of scenes: how often each part of the verdict holds.
    bool scenes = false;
    int64_t count = 0, shapes = 0, colours = 0, objects = 0;
    int64_t withRelations = 0,
            relations = 0;  // prompts that describe relations, and those of them whose relations hold
    double share() const { return prompts ? static_cast<double>(right) / static_cast<double>(prompts) : 0; }
};

struct PromptScores {
    std::vector<KindScore> kinds;       // in the order of the set
    std::vector<ScoredPrompt> prompts;  // likewise
};

/// Called with prompts done and in all.
using ScoreProgress = std::function<void(int64_t done, int64_t total)>;

/// `labels`: of a model that knows classes, which gets the class that the words of a prompt mean; a prompt that means
/// none counts as wrong. Errors: the set has no prompts, or none of these kinds; it has prompts with classes and no
/// readable picture to compare with; the model takes neither prompts nor named classes; those of `generate`; Cancelled.
Result<PromptScores> scorePrompts(const Denoiser& denoiser, const ClassLabels* labels, const ScoreRequest& request,
                                  const ScoreProgress& progress = {}, std::stop_token stop = {});

}  // namespace moescope
