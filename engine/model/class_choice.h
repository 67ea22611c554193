// SPDX-License-Identifier: Apache-2.0
// Which class a person means, by prompt, name or number, and a sentence that says why.
#pragma once

#include <string>

#include "engine/model/class_labels.h"

namespace moescope {

struct ClassChoice {
    int index = 0;         // the number of classes itself: the null class
    std::string name;      // "" where classes have no names
    std::string sentence;  // "class 149 'blue heart': the words are its name"
};

/// `labels` null: classes without names, which is an error here.
Result<ClassChoice> classFromPrompt(const std::string& prompt, const ClassLabels* labels);

/// A number in 0 .. classes (which is the null class) or, where there are labels, a name.
Result<ClassChoice> classFromText(const std::string& text, int64_t classes, const ClassLabels* labels);

}  // namespace moescope
