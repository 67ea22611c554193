// SPDX-License-Identifier: GPL-3.0-or-later
// What a mixture of networks says of itself in a person's words.
#pragma once

#include <QString>
#include <QVector>

#include "ui/session/open_model.h"

namespace moescope {

struct NetworkFact {
    QString name;
    QString size;       // "12.3 million"
    QString condition;  // what it is told: "class of 256", "prompt", "none"
    double factor = 1;  // what the file multiplies its weight with
};

struct MixtureFacts {
    QVector<NetworkFact> networks;  // empty: the model is one network
    QString router;                 // "two layers over the prompt and the time"
    int64_t topK = 0;               // networks per picture
};

MixtureFacts mixtureOf(const OpenModel& model);

}  // namespace moescope
