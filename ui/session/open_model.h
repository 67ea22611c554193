// SPDX-License-Identifier: GPL-3.0-or-later
// A model as the window knows it: what was asked for and what its headers say. No weights here; those are the worker's.
#pragma once

#include <QMetaType>
#include <QString>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/model/loadable_model.h"

namespace moescope {

/// What a person asks to open.
struct ModelOrder {
    std::filesystem::path path;  // empty: one of the program's own models
    std::string builtIn;         // then its id (engine/model/built_in_models.h); empty: the default one
    std::string weightSet;       // empty: the preferred one
    nlohmann::json settings = nlohmann::json::object();  // what the files can not tell, by name
    MsDType storage = MS_F32;    // how weights are kept in memory
    std::filesystem::path vae;   // empty: looked for beside the model and in the Hugging Face cache

    bool embedded() const { return path.empty(); }
    bool operator==(const ModelOrder&) const = default;
};

/// Immutable; made from headers only.
struct OpenModel {
    ModelOrder order;
    std::shared_ptr<const LoadableModel> checkpoint;  // or an ensemble
    std::shared_ptr<const ClassLabels> labels;  // null: its classes have no names here
    std::filesystem::path vae;                  // empty: none found (or none needed)
    QString vaeAdvice;                          // what to get and where to put it; empty when nothing is missing
    QString name;                               // for a person
    int64_t bytesNeeded = 0;                    // of the loaded model, without a run

    const ModelDescription& description() const { return checkpoint->description(); }
};

using OpenModelPtr = std::shared_ptr<const OpenModel>;

enum class ModelState : uint8_t { None, Loading, Ready, Failed };

}  // namespace moescope

Q_DECLARE_METATYPE(moescope::OpenModelPtr)
