// SPDX-License-Identifier: GPL-3.0-or-later
// The workspaces of the window; the numbers are those of their shortcuts, Ctrl+1 and so on.
#pragma once

namespace moescope {

enum class Workspace : int { Generate = 1, Train = 4 };

}  // namespace moescope
