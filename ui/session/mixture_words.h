// SPDX-License-Identifier: GPL-3.0-or-later
// What a mixture of networks says of itself in a person's words.
#pragma once

#include <QString>
#include <QVector>

#include "ui/session/open_model.h"

namespace moescope {

class Ensemble;

struct NetworkFact {
    QString name;
    QString size;       // "12.3 million"
    QString condition;  // what it is told: "a class of 256", "the prompt", "nothing"
    double factor = 1;  // what the file multiplies its weight with
};

struct MixtureFacts {
    QVector<NetworkFact> networks;  // empty: the model is one network
    int64_t topK = 0;               // networks per picture
};

MixtureFacts mixtureOf(const OpenModel& model);

/// Who chooses the networks: "a learned router over the prompt and the time".
QString routerWords(const Ensemble& ensemble);

}  // namespace moescope
