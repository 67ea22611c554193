// SPDX-License-Identifier: Apache-2.0
// The names of a model's classes, and which class the words of a prompt mean.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

class LabelIndex;

struct ClassLabel {
    int index = 0;
    std::string name;
    std::vector<std::string> keywords;
    std::string group;
    std::string emoji;
    std::string codepoint;
};

struct ClassAlternative {
    int index = 0;
    std::string name;
    double score = 0;  // comparable within one answer only
};

struct ClassMatch {
    int index = 0;
    std::string name;
    std::string reason;  // for a person: "the words are its name", "'cat' is in its name and keywords"
    double score = 0;
    std::vector<ClassAlternative> alternatives;  // the next best, at most five
};

/// Const after loading and safe to read from several threads.
class ClassLabels {
public:
    /// A JSON array of objects {index, name, keywords, group, emoji, codepoint} of which only the name is required, or
    /// of plain names in index order, or an object that holds such an array as "labels".
    static Result<ClassLabels> load(const std::filesystem::path& path);
    static Result<ClassLabels> parse(std::string_view json);

    const std::vector<ClassLabel>& classes() const { return m_classes; }
    int size() const { return static_cast<int>(m_classes.size()); }
    /// nullptr outside 0 .. size() - 1
    const ClassLabel* byIndex(int64_t index) const;
    /// The class of exactly this name; case, accents, punctuation, articles and plurals do not count, but where two
    /// names differ in nothing else, the one that is written the same way is taken.
    std::optional<int> byName(std::string_view name) const;
    /// What `--class` takes: a number in range or a name. The error names the nearest classes.
    Result<int> resolve(std::string_view numberOrName) const;

    /// The class that a prompt means. A prompt that is a name always gives that class; otherwise the words are weighed:
    /// names above keywords, rare words above common ones, a whole name above a part of one, the subject above its
    /// background ("on", "with"). Words that fit nothing are passed over; one typing error in a word of five letters or
    /// more is forgiven and told. Equal scores go to the lower index. Words after the 256th are not read.
    Result<ClassMatch> match(std::string_view prompt) const;

    /// Best first: what `match` would weigh, then names and keywords that contain the query. Empty query: all classes.
    std::vector<ClassAlternative> find(std::string_view query) const;

private:
    ClassLabels(std::vector<ClassLabel> classes);
    std::string nearNames(std::string_view text) const;

    std::vector<ClassLabel> m_classes;
    std::shared_ptr<const LabelIndex> m_index;
};

}  // namespace moescope
