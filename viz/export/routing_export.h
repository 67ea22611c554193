// SPDX-License-Identifier: GPL-3.0-or-later
// Routing of a run as files for other programs: NPZ (everything), CSV (one row per pair), JSON (sums and descriptors).
#pragma once

#include <filesystem>

#include "engine/core/error.h"
#include "engine/trace/run_record.h"

namespace moescope {

/// Chooses by the extension: .npz, .csv or .json; any other is an error. Files appear under their name when complete.
Status exportRouting(const RunRecord& run, const std::filesystem::path& path);

/// Arrays for numpy.load, all records in the order of capture; a start of -1 means not captured. R records, L layers,
/// V evaluations, E the largest expert count:
///   evaluation_{step,stage} i4, evaluation_{timestep,noise_level} f4, evaluation_cfg_scale f8, each [V]
///   layer_{network,block,moe_index,experts,top_k,capacity,tokens} i8, each [L]
///   record_{evaluation,branch,network,layer,pool} i4 [R], branch 0 cond, 1 uncond
///   record_{counts,row_ptr,pairs,scores,input_norm,routed_norm,shared_norm}_start i8 [R]: in elements of
///   counts i4, mass f4 (at the starts of counts), row_ptr u4, expert u2, gate f4 (at the starts of pairs), scores f4,
///   {input,routed,shared}_norm f4
///   {load,mass}_{cond,uncond} f8 [V, L, E]: tokens received and gate mass, all images; NaN where nothing was captured
///   descriptors.json: the JSON export without its records
Status exportRoutingNpz(const RunRecord& run, const std::filesystem::path& path);

/// One row per (token, expert) pair: evaluation, step, stage, timestep, branch, network, block, moe_index, image,
/// token, kind, row, col, expert, gate. Tokens that no expert took have no row; row and col are empty for tokens
/// outside the picture. An error when the run kept counts only. Written in pieces: memory does not grow with the run.
Status exportRoutingCsv(const RunRecord& run, const std::filesystem::path& path);

/// Schema moescope.routing/v1: request, layers, evaluations, per record the counts and gate mass of each expert (all
/// images of the batch together), and load, gate mass and balance per layer over the whole run.
Status exportRoutingJson(const RunRecord& run, const std::filesystem::path& path);

}  // namespace moescope
