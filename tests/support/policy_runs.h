// SPDX-License-Identifier: GPL-3.0-or-later
// One run per way of routing beside token choice (see sample_run.h), each small enough to check by hand.
#pragma once

#include "engine/trace/run_record.h"

namespace moescope::test {

// All of them: two images, three Euler evaluations (t = 0, 0.25, 0.5), the unconditional branch in the first two.

/// Three experts, layers at blocks 1 and 3, each expert takes 2 of the 4 tokens of an image.
///   0: tokens (0,0) experts 0 2, (0,1) experts 0 1 2, (1,0) expert 1, (1,1) none; gate of expert e (e + 1) (evaluation
///   + 1) / 16 1: tokens (0,0) and (0,1) experts 0 1, the others expert 2; gates 0.5
RunRecord sampleExpertChoiceRun();

/// Three experts with thresholds 0.5, 0.25, 0.75, one layer at block 2; a pool per branch (0 conditional, 1
/// unconditional).
///   Image 0: every token expert 0 with gate 0.5; tokens below the evaluation's number also expert 1 with gate 0.25
///   Image 1: token 0 expert 1, gate 0.25; in evaluation 2 token 3 all three experts, gate 0.125; no other token any
RunRecord samplePoolRun();

/// Two prototypes and the unconditional expert 2, one token each, one layer at block 0.
///   With condition: token t to expert t % 2, gates 0.75, 0.5, 0.25, -0.25; without: every token to expert 2, gate 1
RunRecord samplePrototypeRun();

/// Three experts, layers at blocks 0 and 2; in the second one four text tokens stand before the image tokens.
///   Prompts: "red heart" in the pieces red, hea-, rt; "blue". The branch without prompt has none.
///   Text tokens of both images: 0 experts 0 1 with gates .75 .25; 1 experts 1 2 with gates 1 - evaluation / 4 and evaluation / 4;
///   2 experts 1 2, gates .5; 3 expert 2, gate 1. Image tokens: expert 0, gate 1
RunRecord samplePromptRun();

/// Three networks, of which each picture is blended from the two best: "cats" with an MoE layer at block 0 (two
/// experts), "dogs" with one at block 3 (four experts), "sketch" without any. Layers: 0 the choice of networks, 1 cats,
/// 2 dogs.
///     evaluation   0                  1                   2
///     image 0      cats .75 dogs .25  cats .5 sketch .5   dogs 1
///     image 1      cats .75 dogs .25  dogs 1              dogs .5 sketch .5
/// Tokens of the networks' layers: token t to expert t % 2, gate 1. A network leaves nothing of an image that it does
/// not work on: in evaluation 1 cats has no pairs of image 1 and dogs none of image 0, and cats has no record in
/// evaluation 2.
RunRecord sampleNetworksRun();

}  // namespace moescope::test
