// SPDX-License-Identifier: Apache-2.0
// One list of classes for experts whose own lists may differ.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/model/class_labels.h"

namespace moescope {

/// What one expert says about its classes.
struct ExpertClasses {
    std::string name;                           // of the expert
    int64_t classes = 0;                        // without the null class; 0: it takes no class
    std::shared_ptr<const ClassLabels> labels;  // null: without names
};

/// The null class of the union is `classes`, that of an expert its own `classes`.
struct ClassUnion {
    int64_t classes = 0;
    std::shared_ptr<const ClassLabels> labels;  // null: all experts have the same list, whose names are found as for one of them
    std::vector<std::vector<int32_t>> own;      // [experts][classes + 1]: the expert's own class; its null class where it lacks one
    std::vector<std::string> notes;             // sentences where lists differ
};

/// Lists are the same where they are equally long and no two of them differ in names. Differing lists are joined by name, in the
/// order of the experts; that needs names for all of them, else the error says which expert lacks them.
Result<ClassUnion> joinClasses(const std::vector<ExpertClasses>& experts);

}  // namespace moescope
