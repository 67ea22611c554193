// SPDX-License-Identifier: Apache-2.0
#include "engine/data/scene_set.h"

#include <fmt/format.h>

#include <set>

#include "engine/data/evaluation_prompts.h"
#include "engine/data/scene_captions.h"
#include "engine/data/scene_drawing.h"
#include "engine/data/scene_plan.h"

namespace moescope {
namespace {

constexpr uint64_t kCaptionStream = 7;
constexpr int64_t kPerSubfolder = 1000;

void checkRange(const char* what, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{} has to be {} to {}, found {}", what, low, high, value));
}

std::vector<EvaluationPrompt> heldOutPrompts(const ScenePlan& plan, const SceneSetRequest& request) {
    std::vector<EvaluationPrompt> prompts;
    for (const SceneKind kind : {SceneKind::Single, SceneKind::Pair, SceneKind::Count}) {
        std::set<std::string> known;
        // Few kinds of scenes have few captions: a trial that gives one again is not counted, but trials come to an
        // end.
        for (int64_t trial = 0; static_cast<int64_t>(known.size()) < request.prompts && trial < 20 * request.prompts;
             ++trial) {
            SeededRandom random(mixBits(request.seed) + kCaptionStream + 1 + static_cast<uint64_t>(kind),
                                static_cast<uint64_t>(trial));
            SceneCaption caption = sceneCaption(plan.heldOutScene(kind, static_cast<uint64_t>(trial)), random);
            if (kind == SceneKind::Pair && caption.told.relations.empty()) continue;
            if (!known.insert(caption.text).second) continue;
            prompts.push_back({std::string(nameOf(kind)), std::move(caption.text), {}, std::move(caption.told)});
        }
    }
    return prompts;
}

}  // namespace

Result<SetSummary> writeSceneSet(const SceneSetRequest& request, const SetProgress& progress) {
    return guarded([&]() -> SetSummary {
        checkRange("the number of pictures", request.count, 1, 100'000'000);
        checkRange("the side of the pictures", request.side, 16, 1024);
        checkRange("the number of captions", request.captions, 1, 16);
        checkRange("the number of prompts", request.prompts, 0, 100'000);
        const ScenePlan plan(request.seed);
        SetWriter writer(request.target);
        SetSummary summary;
        for (int64_t index = 0; index < request.count; ++index) {
            if (progress && !progress(index, request.count))
                throw EngineException(ErrorCode::Cancelled, "the data set was not written: it was stopped");
            const Scene scene = plan.trainingScene(static_cast<uint64_t>(index));
            SeededRandom random(mixBits(request.seed) + kCaptionStream, static_cast<uint64_t>(index));
            nlohmann::ordered_json facts;
            for (const SceneCaption& caption : sceneCaptions(scene, request.captions, random))
                facts["captions"].push_back(caption.text);
            summary.captions += static_cast<int64_t>(facts["captions"].size());
            facts["scene"] = toJson(scene);
            writer.add(fmt::format("scenes-{:05}", index / kPerSubfolder), fmt::format("{:08}", index),
                       drawScene(scene, request.side), std::move(facts));
        }
        const std::vector<EvaluationPrompt> prompts = heldOutPrompts(plan, request);
        summary.pictures = request.count;
        summary.prompts = static_cast<int64_t>(prompts.size());
        nlohmann::ordered_json about{{"kind", "scenes"},
                                     {"program", "MoEscope " MOESCOPE_VERSION},
                                     {"pictures", summary.pictures},
                                     {"side", request.side},
                                     {"seed", request.seed},
                                     {"captions", summary.captions},
                                     {"prompts", summary.prompts},
                                     {"kept_out", nlohmann::ordered_json::array()}};
        for (int shape = 0; shape < sceneShapes; ++shape)
            for (int colour = 0; colour < sceneColours; ++colour)
                if (plan.isHeldOutObject(static_cast<SceneShape>(shape), static_cast<SceneColour>(colour)))
                    about["kept_out"].push_back(fmt::format("{} {}", nameOf(static_cast<SceneColour>(colour)),
                                                            nameOf(static_cast<SceneShape>(shape))));
        writer.addFile("dataset.json", about.dump(1) + "\n");
        writer.addFile("evaluation.jsonl", evaluationText(prompts));
        writer.finish();
        if (progress) progress(request.count, request.count);
        return summary;
    });
}

}  // namespace moescope
