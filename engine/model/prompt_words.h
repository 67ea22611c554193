// SPDX-License-Identifier: Apache-2.0
// What a network that reads prompts makes of a person's words, as a sentence.
#pragma once

#include <string>
#include <string_view>

#include "engine/model/model_description.h"

namespace moescope {

/// "the prompt takes 4 of 16 places; not known to the model: 'zebra'; no place left for 'behind', 'it'". For
/// descriptions with a prompt encoder.
std::string promptSentence(const ModelDescription& description, std::string_view prompt);

}  // namespace moescope
