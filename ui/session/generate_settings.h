// SPDX-License-Identifier: GPL-3.0-or-later
// What the Generate panel holds, as a value: turned into a checked request, restored from a run or a picture, kept between starts.
#pragma once

#include <QString>
#include <QVariantMap>
#include <QVector>
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
    double tEps = 0;             // 0: the model's own
    double shift = 1;            // flows
    double eta = 0;              // DDIM
    QString respacing;           // discrete diffusions; empty: `steps` evenly spaced ones
    NetworkEdits networks;       // of a mixture of networks
    RoutingPool pool = RoutingPool::Batch;  // where experts choose over a whole batch
    QString rng = "torch-cpu";   // or "torch-cuda", "torch-cuda:SMS,THREADS", "file"
    QString noiseFile;           // where rng is "file"; only a name when restored from a picture
    bool jointNoise = false;
    CaptureLevel capture = CaptureLevel::Assignments;

    bool operator==(const GenerateSettings&) const = default;
};

/// The model's own defaults; prompt, class, negative and seed of `kept` stay.
GenerateSettings defaultsOf(const ModelDescription& model, const GenerateSettings& kept);

/// A job, checked: the first thing out of range comes back as a sentence. The seed is taken as it is.
Result<GenerationOrder> orderOf(const GenerateSettings& settings, const OpenModelPtr& model);

/// What orderOf asks of the engine except for the classes, all of class 0: to be checked and measured before there is a prompt.
Result<GenerationRequest> requestOf(const GenerateSettings& settings, const ModelDescription& model);
/// Network evaluations that one picture takes.
int evaluationsOf(const GenerateSettings& settings, const ModelDescription& model);

/// A class that the words might mean as well.
struct OtherClass {
    int index = -1;
    QString name;
    bool operator==(const OtherClass&) const = default;
};

/// Whether the model is a discrete diffusion, whose run visits some of its timesteps; else it is a flow.
bool isDiscrete(const ModelDescription& model);

/// Which class the settings mean, with the reason.
struct TakenClass {
    int index = -1;
    QString name, sentence;
    QVector<OtherClass> others;  // the next best, at most five
};
Result<TakenClass> classOf(const GenerateSettings& settings, const OpenModel& model);

/// A seed from the system's randomness: 32 bits, which is what torch's generator on the CPU takes.
quint64 drawnSeed();

/// From what a picture or a run carries. `image`: the picture alone with its own seed (the whole batch where its noise was drawn
/// jointly or its pictures shared experts); -1: the whole batch. The seed is locked, so that the settings repeat the picture.
GenerateSettings settingsOf(const GenerationParameters& parameters, int64_t image = -1);

QVariantMap toVariantMap(const GenerateSettings& settings);
/// What is missing or can not be read keeps its usual value.
GenerateSettings generateSettingsFrom(const QVariantMap& map);

}  // namespace moescope
