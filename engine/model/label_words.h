// SPDX-License-Identifier: Apache-2.0
// Words as class names are compared: folded case and accents, singular forms, small typing errors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moescope {

/// The words of a text in lower case without accents. Hyphens and punctuation separate, apostrophes vanish
/// ("Jack-o'-Lantern" -> jack, o, lantern); symbols and pictographs are no words.
std::vector<std::string> wordsOf(std::string_view text);

/// "a", "an", "the"
bool isArticle(std::string_view word);
/// Words that join others and say nothing by themselves: "of", "with", "and", "no" ...
bool isFunctionWord(std::string_view word);
/// Function words after which the surroundings of a thing are described: "on", "with", "behind" ...
bool opensBackground(std::string_view word);

/// What `word` may be the plural of, likeliest first, without the word itself; some of it may be no word at all
/// ("cherries" -> cherry, cherrie, cherri).
std::vector<std::string> singularForms(std::string_view word);

/// True where one letter inserted, left out, replaced or swapped with its neighbour turns `a` into `b`, and for equal
/// words.
bool withinOneEdit(std::string_view a, std::string_view b);

}  // namespace moescope
