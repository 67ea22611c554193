// SPDX-License-Identifier: Apache-2.0
// Writes data sets of scenes.
#pragma once

#include "engine/data/set_writer.h"

namespace moescope {

struct SceneSetRequest {
    SetTarget target;
    int64_t count = 20000;  // pictures
    int64_t side = 32;
    uint64_t seed = 0;
    int captions = 6;       // of a picture, at most
    int64_t prompts = 200;  // for scoring, of each kind
};

/// Pictures and captions of ScenePlan::trainingScene, with the field "scene"; prompts of what is kept out in
/// evaluation.jsonl. The same request gives the same bytes. InvalidArgument names the range of a number; else as
/// SetWriter.
Result<SetSummary> writeSceneSet(const SceneSetRequest& request, const SetProgress& progress = {});

}  // namespace moescope
