// SPDX-License-Identifier: GPL-3.0-or-later
// The engine speaks English only; this says its more frequent sentences in the person's language.
#pragma once

#include <QString>

namespace moescope {

/// A sentence of the engine, in English where no translation is known. Any thread.
QString translatedSentence(const QString& english);
/// Why a class was taken, as ClassLabels::match() says it: "'cat' is in its name, 'hart' was read as 'heart'".
QString translatedReason(const QString& english);

}  // namespace moescope
