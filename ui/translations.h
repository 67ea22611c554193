// SPDX-License-Identifier: GPL-3.0-or-later
// The language of the window's texts.
#pragma once

#include <QString>

class QCoreApplication;

namespace moescope {

/// Texts of the program and of Qt's own dialogs in the language of `localeName` ("de", "de_DE"), English where there are
/// none; numbers and dates follow the same locale. Called once, before the first text is made.
void installTranslations(QCoreApplication& application, const QString& localeName);

}  // namespace moescope
