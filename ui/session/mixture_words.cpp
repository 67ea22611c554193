// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/mixture_words.h"

#include <QCoreApplication>

#include "engine/ensemble/ensemble.h"
#include "ui/session/model_words.h"

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(MixtureWords)
};

QString conditionWords(const ExpertConditions& told) {
    if (told.encodedText) return Text::tr("encoded text");
    if (told.classes && told.prompt) return Text::tr("a class of %1 and the prompt").arg(told.classes);
    if (told.classes) return Text::tr("a class of %1").arg(told.classes);
    return told.prompt ? Text::tr("the prompt") : Text::tr("nothing");
}

}  // namespace

MixtureFacts mixtureOf(const OpenModel& model) {
    MixtureFacts facts;
    const auto* ensemble = dynamic_cast<const Ensemble*>(model.checkpoint.get());
    if (!ensemble) return facts;
    const EnsembleFile& file = ensemble->file();
    for (size_t i = 0; i < file.experts.size(); ++i)
        facts.networks.append({QString::fromStdString(file.experts[i].name),
                               countText(ensemble->experts()[i]->description().totalParameters()),
                               conditionWords(ensemble->conditionsOf(i)),
                               static_cast<double>(file.experts[i].weight)});
    facts.topK = file.topK;
    return facts;
}

QString routerWords(const Ensemble& ensemble) {
    const RouterFacts facts = ensemble.routerFacts();
    if (facts.kind == RouterFacts::Kind::Prototypes) return Text::tr("the likeness of the prompt to an example of each network");
    if (facts.kind == RouterFacts::Kind::Rules) return Text::tr("rules by hand");
    if (facts.picture) return facts.time ? Text::tr("a learned router over the noisy picture and the time") : Text::tr("a learned router over the noisy picture");
    return facts.time ? Text::tr("a learned router over the prompt and the time") : Text::tr("a learned router over the prompt");
}

}  // namespace moescope
