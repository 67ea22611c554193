// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/model_words.h"

#include <QCoreApplication>
#include <QLocale>
#include <algorithm>

#include "engine/core/system_memory.h"
#include "engine/ensemble/ensemble.h"
#include "ui/session/engine_sentences.h"
#include "ui/session/mixture_words.h"
#include "ui/session/sentences.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(ModelWords)
};

constexpr int kLatentReduction = 8;  // pixels per latent pixel of Stable Diffusion's autoencoder
constexpr qsizetype kNamesShown = 4;

QString bytesOf(int64_t bytes) { return QString::fromStdString(bytesText(bytes)); }
QString utf8(const std::string& text) { return QString::fromStdString(text); }

bool unknown(const ModelDescription& d, const char* setting) {
    return std::ranges::find(d.unknownSettings, setting) != d.unknownSettings.end();
}

/// "a, b, c, d and 5 more"
QString fewOf(const QStringList& names) {
    const QString shown = names.mid(0, kNamesShown).join(QStringLiteral(", "));
    return names.size() > kNamesShown ? Text::tr("%1 and %2 more").arg(shown).arg(names.size() - kNamesShown) : shown;
}

QStringList listOf(const std::vector<std::string>& names) {
    QStringList list;
    for (const std::string& name : names) list.append(utf8(name));
    return list;
}

/// Who chooses whom: "each token goes to 2 of them".
QString choiceText(const ModelDescription& d) {
    const MoeLayerDescriptor& layer = d.moeLayers.front();
    switch (layer.policy) {
        case RoutingPolicy::ExpertChoice: return Text::tr("each takes %1 tokens of a picture").arg(layer.capacity);
        case RoutingPolicy::BatchPool: return Text::tr("each takes the tokens of a batch that it wants most");
        case RoutingPolicy::Prototype:
            return layer.unconditionalExpert < 0 ? Text::tr("each token goes to the %1 most like it").arg(layer.topK)
                                                 : Text::tr("each token goes to the %1 most like it, without a class to the last").arg(layer.topK);
        default: return Text::tr("each token goes to %1 of them").arg(layer.topK);
    }
}

QString expertsText(const ModelDescription& d) {
    const MoeConfig& m = d.config.moe;
    if (d.config.moeBlocks.empty() || d.moeLayers.empty()) return Text::tr("none: every block does all the work itself (dense)");
    QString text = Text::tr("%1 experts in each of %2 layers").arg(m.experts).arg(d.config.moeBlocks.size());
    text += unknown(d, "top_k") ? Text::tr("; how many a token goes to is not known") : QStringLiteral("; ") + choiceText(d);
    const bool tokensChoose = d.moeLayers.front().policy == RoutingPolicy::TokenChoice && !unknown(d, "top_k");
    if (m.sharedWidth) text += tokensChoose ? Text::tr(" and to one shared expert") : Text::tr(", and to one shared expert");
    return text;
}

QString memoryText(const OpenModel& model, int64_t available) {
    const bool half = model.order.storage == MS_BF16;
    const int64_t needed = model.checkpoint->memoryNeeded(model.order.storage);
    const QString text = Text::tr("%1 with weights kept as %2").arg(bytesOf(needed), half ? QStringLiteral("bf16") : QStringLiteral("f32"));
    return needed <= available ? Text::tr("%1; %2 are free, it fits").arg(text, bytesOf(available))
                               : Text::tr("%1; only %2 are free").arg(text, bytesOf(available));
}

/// "stabilityai/sd-vae-ft-mse" for a folder of the Hugging Face cache, whose own name is a hash.
QString vaeText(const std::filesystem::path& vae) {
    for (const std::filesystem::path& part : vae)
        if (const std::string name = part.string(); name.starts_with("models--"))
            return utf8(name.substr(8)).replace(QLatin1String("--"), QLatin1String("/"));
    return Text::tr("in the folder “%1”").arg(utf8((vae.has_filename() ? vae.filename() : vae.parent_path().filename()).string()));
}

struct KnownSetting {
    const char* name;
    const char* title;
    const char* term;
};
constexpr KnownSetting kSettings[] = {
    {"heads", QT_TRANSLATE_NOOP("ModelWords", "Attention heads"),
     QT_TRANSLATE_NOOP("ModelWords", "num_heads: into how many heads the attention is split; the width must be a multiple of it.")},
    {"top_k", QT_TRANSLATE_NOOP("ModelWords", "Experts per token"),
     QT_TRANSLATE_NOOP("ModelWords", "top_k, num_experts_per_tok: how many experts the router sends each token to.")},
    {"n_group", QT_TRANSLATE_NOOP("ModelWords", "Groups of experts"),
     QT_TRANSLATE_NOOP("ModelWords", "n_group: the experts are divided into so many groups; 1 where they are not.")},
    {"topk_group", QT_TRANSLATE_NOOP("ModelWords", "Groups per token"),
     QT_TRANSLATE_NOOP("ModelWords", "topk_group: how many of the groups a token may choose its experts from.")},
    {"routed_scaling_factor", QT_TRANSLATE_NOOP("ModelWords", "Sum of the gates"),
     QT_TRANSLATE_NOOP("ModelWords", "routed_scaling_factor: what the weights of a token's experts add up to.")},
    {"in_context_start", QT_TRANSLATE_NOOP("ModelWords", "Class tokens join at block"),
     QT_TRANSLATE_NOOP("ModelWords", "in_context_start: the block before which the class tokens are put in front of the image tokens.")},
    {"input_size", QT_TRANSLATE_NOOP("ModelWords", "Input size"),
     QT_TRANSLATE_NOOP("ModelWords", "input_size: side of the latent picture that the network works on.")},
};

SettingField fieldOf(const QString& name, const QString& value) {
    for (const KnownSetting& known : kSettings)
        if (name == QLatin1String(known.name)) return {name, Text::tr(known.title), Text::tr(known.term), value};
    return {name, name, Text::tr("A setting of the training code that the tensors do not tell."), value};
}

QString predictionText(Prediction prediction) {
    switch (prediction) {
        case Prediction::CleanImage: return Text::tr("The network predicts the clean picture (x-prediction, rectified flow).");
        case Prediction::Noise: return Text::tr("The network predicts the noise in the picture (epsilon-prediction, discrete diffusion).");
        default: return Text::tr("The network predicts the velocity of a rectified flow (v-prediction).");
    }
}

QString jsonText(const nlohmann::json& value) { return utf8(value.is_string() ? value.get<std::string>() : value.dump()); }

QVector<ModelFact> factsOfEnsemble(const Ensemble& e, const OpenModel& model, int64_t available) {
    const ModelDescription& d = e.description();
    QVector<ModelFact> facts;
    facts.append({Text::tr("Kind"), familyText(d),
                  Text::tr("Mixture of diffusion experts: the velocities of whole networks are summed by the weights that a router gives them.")});
    if (!e.file().description.empty()) facts.append({Text::tr("About"), utf8(e.file().description), Text::tr("What its file says.")});
    for (size_t i = 0; i < e.experts().size(); ++i) {
        const Checkpoint& network = *e.experts()[i];
        facts.append({i ? QString() : Text::tr("Networks"),
                      Text::tr("%1: %2, %3 parameters").arg(utf8(d.networks[i]), utf8(network.name()), countText(network.description().totalParameters())),
                      Text::tr("Name of the expert, its checkpoint and its size.")});
    }
    facts.append({Text::tr("Chosen by"),
                  e.file().topK == 1 ? Text::tr("%1; one network for each picture").arg(routerWords(e))
                                     : Text::tr("%1; %2 networks for each picture").arg(routerWords(e)).arg(e.file().topK),
                  Text::tr("Router over networks and its top-k.")});
    const int64_t all = e.memoryOfAll(model.order.storage);
    facts.append({Text::tr("Memory"), Text::tr("%1 for all networks, %2 for the largest; %3 are free")
                                          .arg(bytesOf(all), bytesOf(e.memoryNeeded(model.order.storage)), bytesOf(available)),
                  Text::tr("Where not all fit, they take turns in memory.")});
    if (d.space == PictureSpace::SdLatent)
        facts.append({Text::tr("VAE"), model.vae.empty() ? Text::tr("none found") : vaeText(model.vae),
                      Text::tr("Variational autoencoder: turns the latents into pixels.")});
    return facts;
}

}  // namespace

QString countText(int64_t count) {
    const QLocale locale;
    const double value = static_cast<double>(count);
    const auto digits = [&](double number) { return locale.toString(number, 'f', number < 9.995 ? 2 : number < 99.95 ? 1 : 0); };
    if (value >= 999.5e6) return Text::tr("%1 billion").arg(digits(value / 1e9));
    if (value >= 999.5e3) return Text::tr("%1 million").arg(digits(value / 1e6));
    if (value >= 10e3) return Text::tr("%1 thousand").arg(digits(value / 1e3));
    return locale.toString(static_cast<qlonglong>(count));
}

QString picturesText(const ModelDescription& d) {
    const qlonglong side = d.config.inputSide() * (d.space == PictureSpace::SdLatent ? kLatentReduction : 1);
    if (d.conditioning == Conditioning::Prompt) return Text::tr("makes %1 × %1 pictures of what a prompt says").arg(side);
    if (d.config.classes == 0) return Text::tr("makes %1 × %1 pictures").arg(side);
    return Text::tr("makes %1 × %1 pictures of %2 classes").arg(side).arg(d.config.classes);
}

QString familyText(const ModelDescription& d) {
    const QString family = utf8(d.family);
    const QString space = d.space == PictureSpace::Pixels ? Text::tr("works on pixels") : Text::tr("works on compressed pictures (latents)");
    if (!d.networks.empty()) return Text::tr("a mixture of %1 whole networks that %2").arg(d.networks.size()).arg(space);
    if (!d.network.empty()) return Text::tr("%1: a diffusion network without experts that %2").arg(family, space);
    return d.config.moeBlocks.empty() ? Text::tr("%1: a diffusion transformer without experts that %2").arg(family, space)
                                      : Text::tr("%1: a diffusion transformer with a mixture of experts that %2").arg(family, space);
}

QVector<ModelFact> factsOf(const OpenModel& model, int64_t available) {
    const LoadableModel& c = *model.checkpoint;
    const ModelDescription& d = c.description();
    const TransformerConfig& m = d.config;
    QVector<ModelFact> facts;
    const auto add = [&](const QString& title, const QString& text, const QString& term) { facts.append({title, text, term}); };
    if (const auto* ensemble = dynamic_cast<const Ensemble*>(model.checkpoint.get())) return factsOfEnsemble(*ensemble, model, available);
    add(Text::tr("Kind"), familyText(d),
        predictionText(d.prediction));
    add(Text::tr("Parameters"),
        m.moeBlocks.empty()    ? countText(d.totalParameters())
        : unknown(d, "top_k")  ? Text::tr("%1; how many of them work for a token is not known").arg(countText(d.totalParameters()))
                               : Text::tr("%1; %2 of them work for each token")
                                     .arg(countText(d.totalParameters()), countText(d.activeParameters())),
        Text::tr("Total and active parameters: experts that a token is not sent to do no work for it."));
    add(Text::tr("Experts"), expertsText(d),
        Text::tr("Routed experts × MoE layers, top-k of the router, shared expert."));
    if (d.network.empty())
        add(Text::tr("Network"), Text::tr("%1 blocks, width %2, %3 × %3 image tokens").arg(m.depth).arg(m.width).arg(m.grid),
            Text::tr("Depth, hidden size and token grid of the transformer; a token is a patch of %1 × %1.").arg(m.patch));
    else
        add(Text::tr("Network"), translatedSentence(utf8(d.network)), Text::tr("Resolutions, channels, layers and attention of the network."));
    if (d.prompt.vocabulary)
        add(Text::tr("Prompt"),
            Text::tr("up to %1 pieces of words, of %2 that it knows").arg(m.contextTokens).arg(countText(d.prompt.vocabulary)),
            Text::tr("Prompt encoder: the pieces become tokens that stand in front of the image tokens, and a vector that is added to the time."));
    add(Text::tr("Weights"), Text::tr("%1, %2").arg(utf8(c.dtypes()), utf8(c.format())),
        Text::tr("Number format of the stored tensors and format of the file."));
    add(Text::tr("Set of weights"), translatedSentence(utf8(c.weightSetReason())),
        Text::tr("Training files hold the raw weights and averages of them (EMA)."));
    add(Text::tr("Memory"), memoryText(model, available), Text::tr("What the loaded weights take, without a run."));
    if (d.space == PictureSpace::SdLatent)
        add(Text::tr("VAE"), model.vae.empty() ? Text::tr("none found") : vaeText(model.vae),
            Text::tr("Variational autoencoder: turns the latents into pixels."));
    return facts;
}

QVector<ModelRemark> remarksOn(const OpenModel& model, int64_t available) {
    const LoadableModel& c = *model.checkpoint;
    const ModelDescription& d = c.description();
    QVector<ModelRemark> remarks;
    const auto add = [&](ModelRemark::Kind kind, const QString& text, const QStringList& names = {}) {
        remarks.append({kind, text, names.mid(0, 40).join(QLatin1Char('\n'))});
    };
    using Kind = ModelRemark::Kind;
    const Status runnable = c.runnable();
    if (!d.unknownSettings.empty())
        add(Kind::Stops, Text::tr("The file does not tell everything that the model needs to run (%1). Fill it in below, or put the model's "
                                  "config beside the file and open it again.").arg(fewOf(listOf(d.unknownSettings))));
    if (!c.missing().empty())
        add(Kind::Stops, Text::tr("%1 of the %2 tensors it needs are not in the file: %3. The file is not whole, or not of this kind of model.")
                             .arg(c.missing().size()).arg(d.tensors.size()).arg(fewOf(listOf(c.missing()))), listOf(c.missing()));
    if (!c.misshaped().empty()) {
        QStringList names;
        for (const MisshapedTensor& t : c.misshaped())
            names.append(Text::tr("%1: should be %2, is %3").arg(utf8(t.name), utf8(shapeText(t.expected)), utf8(shapeText(t.found))));
        add(Kind::Stops, Text::tr("%1 tensors have another shape than the rest of the model asks for: %2.").arg(names.size()).arg(names.front()),
            names);
    }
    if (!runnable.ok() && remarks.isEmpty()) add(Kind::Stops, sentenceOf(runnable.error()));
    if (const int64_t needed = c.memoryNeeded(model.order.storage); runnable.ok() && needed > available) {
        const int64_t half = c.memoryNeeded(MS_BF16);
        add(Kind::Stops, model.order.storage != MS_BF16 && half <= available
                             ? Text::tr("It does not fit into the free memory. Kept as bf16 it needs %1 and fits: choose that below.").arg(bytesOf(half))
                             : Text::tr("It does not fit into the free memory: it needs %1 and %2 are free. Close other programs, or open a "
                                        "smaller model.").arg(bytesOf(needed), bytesOf(available)));
    }
    if (!model.vaeAdvice.isEmpty())
        add(Kind::Warning, Text::tr("Without a VAE the pictures are a rough preview. Put config.json and diffusion_pytorch_model.safetensors of "
                                    "stabilityai/sd-vae-ft-mse into a folder “vae” beside the model and open it again, or choose the VAE here."));
    if (!c.unused().empty())
        add(Kind::Note, Text::tr("%1 tensors of the file are not used: %2.").arg(c.unused().size()).arg(fewOf(listOf(c.unused()))), listOf(c.unused()));
    if (!model.labels && d.config.classes > 0)
        add(Kind::Note, Text::tr("Its classes have no names here: choose them by number, or put a labels.json beside the model."));
    for (const std::string& note : c.notes()) add(Kind::Note, sentenceOf(note));
    return remarks;
}

QVector<SettingField> settingFieldsOf(const OpenModel& model) {
    const LoadableModel& c = *model.checkpoint;
    const ModelDescription& d = c.description();
    QVector<SettingField> fields;
    const auto add = [&](const QString& name, const QString& value) {
        for (const SettingField& field : fields)
            if (field.name == name) return;
        fields.append(fieldOf(name, value));
    };
    for (const std::string& name : d.unknownSettings) add(utf8(name), {});
    for (const auto& [name, value] : model.order.settings.items()) add(utf8(name), jsonText(value));
    const bool contradiction = !c.runnable().ok() && d.unknownSettings.empty() && c.missing().empty() && c.misshaped().empty();
    if (contradiction)
        for (const SettingSource& setting : d.settings) add(utf8(setting.setting), utf8(setting.value));
    return fields;
}

nlohmann::json settingsFrom(const QVector<SettingField>& fields) {
    nlohmann::json settings = nlohmann::json::object();
    for (const SettingField& field : fields) {
        const std::string text = field.value.trimmed().toStdString();
        if (text.empty()) continue;
        const nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
        settings[field.name.toStdString()] = parsed.is_discarded() || !parsed.is_primitive() ? nlohmann::json(text) : parsed;
    }
    return settings;
}

}  // namespace moescope
