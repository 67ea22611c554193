// SPDX-License-Identifier: Apache-2.0
// What a model trained here may have beyond the published ones of its layout - grouped key heads, other position
// encodings, a softmax router, the other prediction - and how an opened file tells it.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/model/family.h"

namespace moescope {

/// The rotation by `rope_type` ("2d", "1d", "none"; "2d" where nothing says it); the table by the presence of pos_embed
/// and by `pos_embed_type` ("sincos", "learned", "none"; "sincos" where nothing says it).
Status readPositions(const WeightView& view, SettingBag& settings, TransformerConfig& config);
/// Key/value heads by the rows of the first block's qkv, once heads and their width are known; 0 where the rows fit
/// none.
void readKeyHeads(const WeightView& view, TransformerConfig& config);
/// The router by `scoring_func` ("sigmoid", "softmax") and `norm_topk_prob`.
Status readRouterRule(SettingBag& settings, TransformerConfig& config);
/// `prediction` ("velocity", "clean"), where it is set.
Status readPrediction(SettingBag& settings, ModelDescription& description);
/// Sampler, steps, guidance and noise by the names of the pixel models' training options, where they are set.
void readSamplingDefaults(SettingBag& settings, SamplingDefaults& defaults);

/// Whether there is an option that no published model of the layout has, `own` being what those are like.
bool beyondPublished(const ModelDescription& description, PositionTable ownTable, Prediction ownPrediction);
/// pos_embed, where there is such a table.
void expectPositions(ModelDescription& description);
/// Latents of the Stable Diffusion VAE have four channels, pictures another number.
PictureSpace spaceOf(const TransformerConfig& config);

/// What shapes do not tell, under the names that the functions above, describe() and SettingBag look up: the part of a
/// file's metadata that lets it stand alone.
nlohmann::json storedSettings(const ModelDescription& description);

}  // namespace moescope
