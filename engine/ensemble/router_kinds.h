// SPDX-License-Identifier: Apache-2.0
// The kinds of routers that an ensemble file can name, each read from its section; for loadRouter.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/ensemble/json_fields.h"
#include "engine/ensemble/learned_router.h"
#include "engine/ensemble/network_router.h"

namespace moescope {

/// What every kind is read from. The readers throw EngineException and leave unknown fields to the caller.
struct RouterSection {
    JsonFields& fields;
    const std::filesystem::path& folder;
    std::span<const std::string> expertNames;

    /// "3 experts" as it is said in sentences, checked against `rows` of `what`.
    void expectRows(int64_t rows, const std::string& what) const;
    /// Index of the expert of this name; a sentence with the nearest name otherwise. `where` says who names it.
    size_t expert(std::string_view name, const std::string& where) const;
    /// The file named in the field "file".
    std::filesystem::path file() const;
};

std::unique_ptr<NetworkRouter> readLearnedKind(const RouterSection& section);
std::unique_ptr<NetworkRouter> readPrototypeKind(const RouterSection& section);
std::unique_ptr<NetworkRouter> readRuleKind(const RouterSection& section);

/// The fields "input", "prompt" and "picture".
RouterSight readSight(JsonFields& fields);
/// The section "prompt": width, and how the words are hashed unless a text encoder makes the embedding.
void readPromptSection(const nlohmann::json& section, RouterSight& sight);

}  // namespace moescope
