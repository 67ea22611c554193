// SPDX-License-Identifier: GPL-3.0-or-later
// What `moescope-cli bench` measures, one function per case; printing is the command's.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/checkpoint.h"

namespace moescope::cli {

/// A model to measure with: a file's, or one of a released shape with random weights.
struct BenchModel {
    std::string name;
    std::shared_ptr<const Checkpoint> checkpoint;
};

struct BenchPlan {
    int batch = 1;    // forward: samples of a pass; run: pictures
    int repeat = 10;  // timed repetitions
    int warmup = 3;   // before them
    int steps = 50;   // of a run
    MsDType storage = MS_F32;
};

struct BenchResult {
    std::vector<double> milliseconds;  // one per repetition; empty where the case is not about time
    nlohmann::ordered_json facts = nlohmann::ordered_json::object();
};

double median(std::vector<double> values);

// All throw EngineException, also when somebody asked to stop. Time, labels and noise differ from one repetition to the
// next.

/// One forward pass over `batch` samples (2: both branches of one guided picture), recorded and replayed where the
/// device can.
BenchResult benchForward(const Denoiser& denoiser, const BenchPlan& plan);
/// Whole runs with guidance and recorded assignments, without decoding latents.
BenchResult benchRun(const Denoiser& denoiser, const BenchPlan& plan);
/// Decoding of one picture by the VAE at `path`.
BenchResult benchDecode(Backend& backend, const std::filesystem::path& path, const BenchPlan& plan);
/// Reading and packing the weights. Unloads after each.
BenchResult benchLoad(const BenchModel& model, Backend& backend, const BenchPlan& plan);
/// What keeping assignments costs: runs with counts and with assignments in turn.
BenchResult benchCapture(const Denoiser& denoiser, const BenchPlan& plan);
/// Memory of the process and of the device: before, with the model, after a pass, and when the model has gone.
BenchResult benchMemory(const BenchModel& model, Backend& backend, const BenchPlan& plan);

}  // namespace moescope::cli
