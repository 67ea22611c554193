// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/generate_settings.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <algorithm>
#include <cmath>
#include <random>

#include "engine/model/class_choice.h"
#include "engine/model/prompt_tokenizer.h"
#include "ui/session/engine_sentences.h"
#include "ui/session/fingerprints.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(GenerateSettings)
};

QVariantMap toVariant(const NetworkEdits& edits) {
    const auto names = [](const std::vector<std::string>& list) {
        QStringList texts;
        for (const std::string& name : list) texts << QString::fromStdString(name);
        return texts;
    };
    QVariantList rows;
    for (const std::vector<double>& row : edits.weights) rows << QVariant(QVariantList(row.begin(), row.end()));
    if (edits.empty()) return {};
    return {{"muted", names(edits.muted)}, {"pinned", names(edits.pinned)}, {"weights", rows}, {"topK", static_cast<qlonglong>(edits.topK)}};
}

NetworkEdits networkEditsFrom(const QVariantMap& map) {
    NetworkEdits edits;
    for (const QString& name : map.value("muted").toStringList()) edits.muted.push_back(name.toStdString());
    for (const QString& name : map.value("pinned").toStringList()) edits.pinned.push_back(name.toStdString());
    for (const QVariant& row : map.value("weights").toList()) {
        std::vector<double>& weights = edits.weights.emplace_back();
        for (const QVariant& weight : row.toList()) weights.push_back(weight.toDouble());
    }
    edits.topK = map.value("topK").toLongLong();
    return edits;
}

EngineError refusal(const QString& sentence) { return {ErrorCode::InvalidArgument, sentence.toStdString()}; }

std::optional<qint64> wholeNumber(const QString& text) {
    bool whole = false;
    const qint64 number = text.toLongLong(&whole);
    return whole ? std::optional(number) : std::nullopt;
}

/// A class by its number, 0 .. classes, which is the null class.
Result<TakenClass> classByNumber(qint64 number, const OpenModel& model, const QString& why) {
    const int64_t classes = model.description().config.classes;
    if (number < 0 || number > classes)
        return refusal(Text::tr("Class %1 is out of range: this model has classes 0 to %2, and %3 is its null class.")
                           .arg(number)
                           .arg(classes - 1)
                           .arg(classes));
    TakenClass taken;
    taken.index = static_cast<int>(number);
    const ClassLabel* label = model.labels ? model.labels->byIndex(number) : nullptr;
    if (label) taken.name = QString::fromStdString(label->name);
    if (number == classes) taken.name = Text::tr("no class");
    taken.sentence = taken.name.isEmpty() ? Text::tr("Class %1: %2").arg(number).arg(why)
                                          : Text::tr("Class %1 “%2”: %3").arg(number).arg(taken.name, why);
    return taken;
}

QString namelessClasses(const OpenModel& model) {
    return Text::tr("The classes of this model have no names here, so words can not be matched. Type a class number from 0 to %1, or put a "
              "labels.json beside the checkpoint.")
        .arg(model.description().config.classes - 1);
}

/// The class that words mean. A number is a class where no name is meant by it.
Result<TakenClass> classByWords(const QString& words, const OpenModel& model) {
    const auto number = wholeNumber(words);
    if (!model.labels) {
        if (!number) return refusal(namelessClasses(model));
        return classByNumber(*number, model, Text::tr("given by number"));
    }
    const auto match = model.labels->match(words.toStdString());
    if (!match.ok()) {
        if (number) return classByNumber(*number, model, Text::tr("given by number"));
        return refusal(QString::fromStdString(match.error().message));
    }
    auto taken = classByNumber(match->index, model, translatedReason(QString::fromStdString(match->reason)));
    if (taken.ok())
        for (const ClassAlternative& other : match->alternatives)
            taken->others.append({other.index, QString::fromStdString(other.name)});
    return taken;
}

QString wordList(const std::vector<std::string>& words) {
    QStringList quoted;
    for (const std::string& word : words) quoted << Text::tr("“%1”").arg(QString::fromStdString(word));
    return quoted.join(QStringLiteral(", "));
}

/// What a model that reads prompts makes of these words.
QString readingOf(const QString& words, const ModelDescription& model) {
    if (!model.prompt.tokenizer) return Text::tr("The words are the prompt.");
    const TokenizedPrompt read = model.prompt.tokenizer->encode(words.toStdString(), model.config.contextTokens);
    if (read.pieces == 0) return Text::tr("No prompt: the model draws what it likes.");
    QString sentence = Text::tr("The prompt takes %1 of %2 places.").arg(read.pieces).arg(model.config.contextTokens);
    if (!read.unknownWords.empty()) sentence += QLatin1Char(' ') + Text::tr("Not known to the model: %1.").arg(wordList(read.unknownWords));
    if (!read.cutWords.empty()) sentence += QLatin1Char(' ') + Text::tr("No place left for %1.").arg(wordList(read.cutWords));
    return sentence;
}

Result<NoiseSpec> noiseOf(const GenerateSettings& settings) {
    const char* batch = settings.jointNoise ? "joint" : "per-image";
    if (settings.rng != "file") return parseNoiseSpec(settings.rng.toStdString(), batch);
    if (!QFileInfo::exists(settings.noiseFile))
        return refusal(Text::tr("The picture starts from the noise file “%1”, which is not there. Choose it under Advanced, or choose another "
                          "source of noise.")
                           .arg(settings.noiseFile));
    return parseNoiseSpec("file", batch, settings.noiseFile.toStdString());
}

QString titleOf(const GenerateSettings& settings, const QString& className, const GenerationRequest& request, bool readsPrompts) {
    const QString prompt = settings.prompt.simplified();
    const QString what = !prompt.isEmpty()      ? prompt
                         : !className.isEmpty() ? className
                         : readsPrompts         ? Text::tr("no prompt")
                                                : Text::tr("class %1").arg(request.classes.front());
    if (request.classes.size() > 1 && !settings.jointNoise)
        return Text::tr("%1, seeds %2 to %3").arg(what).arg(request.seed).arg(request.seed + request.classes.size() - 1);
    return Text::tr("%1, seed %2").arg(what).arg(request.seed);
}

}  // namespace

GenerateSettings defaultsOf(const ModelDescription& model, const GenerateSettings& kept) {
    GenerateSettings settings;
    settings.prompt = kept.prompt;
    settings.classId = kept.classId;
    settings.negative = kept.negative;
    settings.seed = kept.seed;
    settings.seedLocked = kept.seedLocked;
    settings.steps = model.defaults.steps;
    settings.sampler = model.defaults.sampler;
    settings.guidance = model.defaults.cfgScale;
    settings.guidanceLow = model.defaults.cfgLow;
    settings.guidanceHigh = model.defaults.cfgHigh;
    settings.noiseScale = model.defaults.noiseScale;
    settings.shift = model.defaults.shift;
    settings.eta = model.defaults.eta;
    settings.respacing = QString::fromStdString(model.defaults.respacing);
    settings.pool = model.defaults.pool;
    return settings;
}

Result<GenerationRequest> requestOf(const GenerateSettings& settings, const ModelDescription& model) {
    GenerationRequest request;
    if (settings.pictures < 1 || settings.pictures > 4096)
        return refusal(Text::tr("The number of pictures should be 1 to 4096, found %1.").arg(settings.pictures));
    if (settings.guidanceLow > settings.guidanceHigh)
        return refusal(Text::tr("The guidance interval should begin before it ends, found %1 to %2: swap the numbers or move one of them.")
                           .arg(settings.guidanceLow)
                           .arg(settings.guidanceHigh));
    request.classes.assign(static_cast<size_t>(settings.pictures), 0);
    request.seed = settings.seed;
    request.sampler = model.defaults;
    request.sampler.steps = settings.steps;
    request.sampler.sampler = settings.sampler;
    request.sampler.cfgScale = settings.guidance;
    request.sampler.cfgLow = settings.guidanceLow;
    request.sampler.cfgHigh = settings.guidanceHigh;
    request.sampler.noiseScale = settings.noiseScale;
    request.sampler.shift = settings.shift;
    request.sampler.eta = settings.eta;
    request.sampler.respacing = settings.respacing.trimmed().toStdString();
    request.sampler.pool = settings.pool;
    request.networkEdits = settings.networks;
    if (settings.tEps != 0) request.sampler.tEps = settings.tEps;
    request.capture.level = settings.capture;
    auto noise = noiseOf(settings);
    if (!noise.ok()) return noise.error();
    request.noise = *noise;
    if (const Status valid = checkRequest(model, request); !valid.ok()) return valid.error();
    return request;
}

int evaluationsOf(const GenerateSettings& settings, const ModelDescription& model) {
    SamplerSettings sampler = model.defaults;
    sampler.steps = settings.steps;
    sampler.sampler = settings.sampler;
    return plannedEvaluations(model.prediction, sampler);
}

bool isDiscrete(const ModelDescription& model) { return model.prediction == Prediction::Noise; 
}

Result<TakenClass> classOf(const GenerateSettings& settings, const OpenModel& model) {
    if (model.description().config.classes == 0) {
        TakenClass none;
        none.index = 0;
        if (model.description().conditioning == Conditioning::Prompt) {
            none.sentence = readingOf(settings.prompt, model.description());
            return none;
        }
        none.sentence = model.description().networks.empty() ? Text::tr("This model takes no class and no words.")
                                                             : Text::tr("No class: the words choose the experts.");
        return none;
    }
    if (settings.classId >= 0) return classByNumber(settings.classId, model, Text::tr("chosen from the list"));
    const QString prompt = settings.prompt.simplified();
    if (!prompt.isEmpty()) return classByWords(prompt, model);
    return refusal(model.labels ? Text::tr("Say what to draw: type a few words, or choose a class from the list.")
                                : Text::tr("Say what to draw: type a class number from 0 to %1, or choose a class from the list.")
                                      .arg(model.description().config.classes - 1));
}

Result<GenerationOrder> orderOf(const GenerateSettings& settings, const OpenModelPtr& model) {
    if (!model) return refusal(Text::tr("Open a model first: there is none to make a picture with."));
    const auto taken = classOf(settings, *model);
    if (!taken.ok()) return taken.error();
    auto request = requestOf(settings, model->description());
    if (!request.ok()) return request.error();
    GenerationOrder order;
    order.model = model;
    order.request = std::move(*request);
    GenerationRequest& r = order.request;
    r.classes.assign(r.classes.size(), taken->index);

    GenerationParameters& p = r.parameters;
    p.prompt = settings.prompt.simplified().toStdString();
    p.className = taken->name.toStdString();
    p.dtype = model->order.storage == MS_BF16 ? "bf16" : "f32";
    p.modelName = model->checkpoint->name();
    p.modelHash = fingerprintOf(model->checkpoint);
    p.weightSet = model->checkpoint->weightSet();
    if (const QString negative = settings.negative.simplified(); !negative.isEmpty()) {
        p.negativePrompt = negative.toStdString();
    }
    if (const QString negative = settings.negative.simplified(); !negative.isEmpty() && model->description().config.classes > 0) {
        // As on the command line: a number is a class, words are matched like a prompt's.
        const auto number = wholeNumber(negative);
        const auto away = number ? classByNumber(*number, *model, {}) : classByWords(negative, *model);
        if (!away.ok()) return refusal(Text::tr("Negative: %1").arg(sentenceOf(away.error())));
        r.negativeClass = away->index;
    }
    if (const Status valid = checkRequest(model->description(), r); !valid.ok()) return valid.error();
    order.title = titleOf(settings, taken->name, r, model->description().conditioning == Conditioning::Prompt);
    order.classSentence = taken->sentence;
    return order;
}

quint64 drawnSeed() {
    std::random_device device;
    return device() & 0xffffffffu;
}

GenerateSettings settingsOf(const GenerationParameters& parameters, int64_t image) {
    GenerateSettings settings;
    settings.prompt = QString::fromStdString(parameters.prompt);
    settings.negative = QString::fromStdString(parameters.negativePrompt);
    if (parameters.classId) settings.classId = static_cast<int>(std::clamp<int64_t>(*parameters.classId, 0, 1 << 30));
    settings.jointNoise = parameters.noiseBatch == "joint";
    // Pictures that were made of one draw of noise, or that shared experts, come back only together.
    const bool alone = image >= 0 && !settings.jointNoise && parameters.pool != poolName(RoutingPool::Batch);
    settings.seed = parameters.seed + (alone ? static_cast<uint64_t>(image) : 0);
    settings.seedLocked = true;
    settings.pictures = alone ? 1 : static_cast<int>(std::clamp<int64_t>(parameters.batch, 1, 4096));
    settings.steps = parameters.steps;
    if (const auto known = samplerFromName(parameters.sampler)) settings.sampler = *known;
    settings.guidance = parameters.cfgScale;
    settings.guidanceLow = parameters.cfgLow;
    settings.guidanceHigh = parameters.cfgHigh;
    settings.noiseScale = parameters.noiseScale;
    settings.tEps = parameters.tEps > 0 ? parameters.tEps : 0;
    settings.shift = parameters.shift;
    settings.eta = parameters.eta;
    settings.respacing = QString::fromStdString(parameters.respacing);
    if (const auto pool = poolFromName(parameters.pool)) settings.pool = *pool;
    settings.networks = parameters.networkEdits;
    settings.rng = QString::fromStdString(parameters.rng);
    if (parameters.rng == "file") settings.noiseFile = QString::fromStdString(parameters.noiseFile);
    return settings;
}

QVariantMap toVariantMap(const GenerateSettings& s) {
    return {{"prompt", s.prompt},
            {"classId", s.classId},
            {"negative", s.negative},
            {"seed", QString::number(s.seed)},  // text: settings files hold no unsigned 64-bit numbers
            {"seedLocked", s.seedLocked},
            {"steps", s.steps},
            {"sampler", QString::fromUtf8(samplerName(s.sampler))},
            {"guidance", s.guidance},
            {"guidanceLow", s.guidanceLow},
            {"guidanceHigh", s.guidanceHigh},
            {"noiseScale", s.noiseScale},
            {"pictures", s.pictures},
            {"tEps", s.tEps},
            {"shift", s.shift},
            {"eta", s.eta},
            {"respacing", s.respacing},
            {"pool", QString::fromUtf8(poolName(s.pool))},
            {"networks", toVariant(s.networks)},
            {"rng", s.rng},
            {"noiseFile", s.noiseFile},
            {"jointNoise", s.jointNoise},
            {"capture", QString::fromUtf8(captureLevelName(s.capture))}};
}

GenerateSettings generateSettingsFrom(const QVariantMap& map) {
    GenerateSettings s;
    const auto read = [&map](const char* key, auto convert, auto& value) {
        const auto found = map.constFind(QString::fromLatin1(key));
        if (found == map.constEnd()) return;
        bool good = false;
        const auto converted = convert(*found, &good);
        if (good) value = converted;
    };
    const auto whole = [](const QVariant& v, bool* good) { return v.toInt(good); };
    const auto number = [](const QVariant& v, bool* good) {
        const double value = v.toDouble(good);
        *good = *good && std::isfinite(value);
        return value;
    };
    const auto text = [](const QVariant& v, bool* good) {
        *good = v.canConvert<QString>();
        return v.toString();
    };
    const auto flag = [](const QVariant& v, bool* good) {
        *good = v.canConvert<bool>();
        return v.toBool();
    };
    read("prompt", text, s.prompt);
    read("classId", whole, s.classId);
    read("negative", text, s.negative);
    read("seed", [](const QVariant& v, bool* good) { return v.toString().toULongLong(good); }, s.seed);
    read("seedLocked", flag, s.seedLocked);
    read("steps", whole, s.steps);
    read("sampler",
         [](const QVariant& v, bool* good) {
             const auto known = samplerFromName(v.toString().toStdString());
             *good = known.has_value();
             return known.value_or(SamplerKind::Heun);
         },
         s.sampler);
    read("guidance", number, s.guidance);
    read("guidanceLow", number, s.guidanceLow);
    read("guidanceHigh", number, s.guidanceHigh);
    read("noiseScale", number, s.noiseScale);
    read("pictures", whole, s.pictures);
    read("tEps", number, s.tEps);
    read("shift", number, s.shift);
    read("eta", number, s.eta);
    read("respacing", text, s.respacing);
    if (const auto pool = poolFromName(map.value("pool").toString().toStdString())) s.pool = *pool;
    s.networks = networkEditsFrom(map.value("networks").toMap());
    read("rng", text, s.rng);
    read("noiseFile", text, s.noiseFile);
    read("jointNoise", flag, s.jointNoise);
    const QString level = map.value("capture").toString();
    for (CaptureLevel known : {CaptureLevel::Counts, CaptureLevel::Assignments, CaptureLevel::Scores, CaptureLevel::Norms})
        if (level == QString::fromUtf8(captureLevelName(known))) s.capture = known;
    return s;
}

}  // namespace moescope
