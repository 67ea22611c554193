// SPDX-License-Identifier: GPL-3.0-or-later
// The program's line icons, drawn in the palette's colours at any scale.
#pragma once

#include <QIcon>
#include <QString>

namespace moescope {

/// Makes the compiled-in drawings known under ":/icons" and ":/desktop"; cheap to call again.
void registerResources();

/// Icon `name` of resources/icons (compiled in), in the text colour of the palette in force when it is painted; greyed when disabled.
QIcon themedIcon(const QString& name);

}  // namespace moescope
