// SPDX-License-Identifier: GPL-3.0-or-later
// The program's own models in words: what a menu calls them and what each is for.
#pragma once

#include <QString>
#include <string_view>

namespace moescope {

/// Of one of builtInModels(), by its id.
QString builtInTitle(std::string_view id);
/// A sentence or two.
QString builtInAbout(std::string_view id);
/// A prompt that it was trained on, in the language that it reads; empty where the model's classes serve as examples.
QString builtInExample(std::string_view id);

}  // namespace moescope
