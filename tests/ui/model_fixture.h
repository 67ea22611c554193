// SPDX-License-Identifier: GPL-3.0-or-later
// Models as the window knows them, for tests: opened by their headers.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/model/built_in_models.h"
#include "engine/model/checkpoint.h"
#include "engine/model/companion_files.h"
#include "ui/session/open_model.h"

namespace moescope::test {

/// Throws when it can not be opened.
inline OpenModelPtr openedModel(const ModelOrder& order) {
    CheckpointOptions options;
    options.weightSet = order.weightSet;
    options.settings = order.settings;
    const std::filesystem::path resources(MOESCOPE_RESOURCES);
    auto model = std::make_shared<OpenModel>();
    model->order = order;
    model->checkpoint = Checkpoint::open(order.embedded() ? builtInFile(order.builtIn, resources).orThrow() : order.path, options).orThrow();
    if (auto labels = findLabels(*model->checkpoint, resources)) model->labels = std::make_shared<ClassLabels>(std::move(*labels));
    if (model->description().space == PictureSpace::SdLatent) {
        model->vae = findVae(*model->checkpoint, order.vae);
        if (model->vae.empty()) model->vaeAdvice = QString::fromStdString(vaeAdvice());
    }
    model->name = QString::fromStdString(model->checkpoint->name());
    model->bytesNeeded = model->checkpoint->memoryNeeded(order.storage);
    return model;
}

/// Of 256 classes with names.
inline OpenModelPtr emojiModel() { return openedModel({.builtIn = "embedded-emoji"}); }

/// A checkpoint of tests/golden: ten classes without names.
inline OpenModelPtr goldenModel(const std::string& name) {
    ModelOrder order;
    order.path = std::filesystem::path(MOESCOPE_TEST_DATA) / "golden" / name;
    return openedModel(order);
}

}  // namespace moescope::test
