// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/mixture_words.h"

#include "engine/ensemble/ensemble.h"
#include "ui/session/model_words.h"

namespace moescope {

MixtureFacts mixtureOf(const OpenModel& model) {
    MixtureFacts facts;
    const auto* ensemble = dynamic_cast<const Ensemble*>(model.checkpoint.get());
    if (!ensemble) return facts;
    const EnsembleFile& file = ensemble->file();
    for (size_t i = 0; i < file.experts.size(); ++i)
        facts.networks.append({QString::fromStdString(file.experts[i].name),
                               countText(ensemble->experts()[i]->description().totalParameters()),
                               QString::fromStdString(ensemble->conditionOf(i)),
                               static_cast<double>(file.experts[i].weight)});
    facts.router = QString::fromStdString(ensemble->routerText());
    facts.topK = file.topK;
    return facts;
}

}  // namespace moescope
