// SPDX-License-Identifier: GPL-3.0-or-later
// What the Generate panel holds, as a value: turned into a checked request, restored from a run or a picture, kept between starts.
#pragma once

#include <QString>
#include <QVariantMap>
#include <cstdint>
#include <optional>

#include "engine/sampling/generator.h"
#include "ui/session/engine_service.h"
#include "ui/session/open_model.h"

namespace moescope {

struct GenerateSettings {
    QString prompt;
    int classId = -1;            // chosen in the picker; -1: the prompt decides
    QString negative;            // words, a name or a number; empty: the null class
    quint64 seed = 42;
    bool seedLocked = false;     // not locked: a new random seed for every job
    int steps = 25;
    SamplerKind sampler = SamplerKind::Heun;
    double guidance = 2.5;
    double guidanceLow = 0, guidanceHigh = 1;
    double noiseScale = 1;
    int pictures = 4;
    QString rng = "torch-cpu";
    bool jointNoise = false;
    CaptureLevel capture = CaptureLevel::Assignments;

    bool operator==(const GenerateSettings&) const = default;
};

/// The model's own defaults; prompt, class, negative and seed of `kept` stay.
GenerateSettings defaultsOf(const ModelDescription& model, const GenerateSettings& kept);

/// A job, checked: the first thing out of range comes back as a sentence.
Result<GenerationOrder> orderOf(const GenerateSettings& settings, const OpenModelPtr& model);

/// Which class the settings mean, with the reason.
struct TakenClass {
    int index = -1;
    QString name, sentence;
};
Result<TakenClass> classOf(const GenerateSettings& settings, const OpenModel& model);

/// From what a picture or a run carries. `image`: the picture alone with its own seed; -1: the whole batch.
GenerateSettings settingsOf(const GenerationParameters& parameters, int64_t image = -1);

QVariantMap toVariantMap(const GenerateSettings& settings);
GenerateSettings generateSettingsFrom(const QVariantMap& map);

}  // namespace moescope
