// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/mixture_draft.h"

#include <QCoreApplication>
#include <algorithm>

#include "engine/ensemble/ensemble.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Text {
    Q_DECLARE_TR_FUNCTIONS(MixtureDraft)
};

constexpr int kPromptWidth = 2048;

EngineError refusal(const QString& sentence) {
    return {ErrorCode::InvalidArgument, sentence.toStdString()};
}

/// What the router's own checks can not say as well, because they do not know the dialog.
Status checked(const MixtureDraft& draft) {
    if (draft.networks.size() < 2)
        return refusal(Text::tr("A mixture needs at least two networks: add another checkpoint."));
    for (const DraftNetwork& network : draft.networks) {
        if (network.name.trimmed().isEmpty())
            return refusal(Text::tr("Every network needs a name: fill in the empty one."));
        if (draft.router == MixtureRouter::Words && network.words.simplified().isEmpty())
            return refusal(Text::tr("The network “%1” has no words, so no prompt would choose it: write some, or let "
                                    "the noise level choose.")
                               .arg(network.name));
        if (draft.router == MixtureRouter::NoiseLevel && !(network.noiseFrom > network.noiseTo))
            return refusal(Text::tr("The network “%1” works from noise %2 to %3: the first number has to be the larger "
                                    "one, as a run goes from "
                                    "noise 1 to 0.")
                               .arg(network.name)
                               .arg(network.noiseFrom)
                               .arg(network.noiseTo));
    }
    return {};
}

Json routerOf(const MixtureDraft& draft) {
    Json even = Json::object();
    for (const DraftNetwork& network : draft.networks) even[network.name.trimmed().toStdString()] = 1;
    switch (draft.router) {
        case MixtureRouter::Words: {
            Json words = Json::object();
            for (const DraftNetwork& network : draft.networks)
                words[network.name.trimmed().toStdString()] = network.words.simplified().toStdString();
            return {{"kind", "prototypes"},
                    {"prompt", {{"source", "hashed"}, {"width", kPromptWidth}, {"hash", "fnv1a64-signs"}}},
                    {"words", words}};
        }
        case MixtureRouter::NoiseLevel: {
            // The first rule that fits decides, so each stretch between two ends names all networks that work in it.
            std::vector<double> ends{0, 1};
            for (const DraftNetwork& network : draft.networks) {
                ends.push_back(std::clamp(network.noiseFrom, 0.0, 1.0));
                ends.push_back(std::clamp(network.noiseTo, 0.0, 1.0));
            }
            std::sort(ends.begin(), ends.end());
            ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
            Json rules = Json::array();
            for (size_t i = 0; i + 1 < ends.size(); ++i) {
                Json weights = Json::object();
                for (const DraftNetwork& network : draft.networks)
                    if (network.noiseTo <= ends[i] && network.noiseFrom >= ends[i + 1])
                        weights[network.name.trimmed().toStdString()] = 1;
                if (!weights.empty()) rules.push_back({{"noise", {ends[i], ends[i + 1]}}, {"weights", weights}});
            }
            return {{"kind", "rules"}, {"rules", rules}, {"otherwise", even}};
        }
        case MixtureRouter::Even:
            break;
    }
    return {{"kind", "rules"}, {"rules", Json::array()}, {"otherwise", even}};
}

}  // namespace

QString freeName(const MixtureDraft& draft, const fs::path& file) {
    fs::path stem = file.has_filename() ? file.stem() : file.parent_path().filename();
    const QString base = QString::fromStdString(stem.string());
    QString name = base;
    const auto taken = [&] {
        return std::any_of(draft.networks.begin(), draft.networks.end(),
                           [&](const DraftNetwork& one) { return one.name == name; });
    };
    for (int number = 2; taken(); ++number) name = QStringLiteral("%1 %2").arg(base).arg(number);
    return name;
}

Status writeMixture(const MixtureDraft& draft, const fs::path& path) {
    if (const Status fits = checked(draft); !fits.ok()) return fits;
    EnsembleFile file;
    file.name = draft.name.trimmed().toStdString();
    file.topK = draft.topK;
    file.router = routerOf(draft);
    for (const DraftNetwork& network : draft.networks) {
        EnsembleExpert expert;
        expert.name = network.name.trimmed().toStdString();
        std::error_code code;
        const fs::path relative = fs::proximate(fs::absolute(network.file), fs::absolute(path).parent_path(), code);
        expert.file = code || relative.empty() ? network.file : relative;
        file.experts.push_back(std::move(expert));
    }
    const auto opened = Ensemble::make(file, path);
    if (!opened.ok()) return opened.error();
    if (const Status runs = (*opened)->runnable(); !runs.ok()) return runs;
    return writeEnsembleFile(file, path);
}

}  // namespace moescope
