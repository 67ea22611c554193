// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/model_opener.h"

#include <utility>

#include <QCoreApplication>

#include "engine/core/system_memory.h"
#include "engine/ensemble/open_model.h"
#include "engine/model/built_in_models.h"
#include "engine/model/companion_files.h"
#include "engine/model/vae_files.h"

namespace moescope {
namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("moescope::ModelOpener", text);
}

void checkMemory(const OpenModel& model, int64_t givenBack, int64_t available) {
    if (available < 0) available = availableMemory();
    if (model.bytesNeeded - available <= givenBack) return;
    QString sentence = tr(QT_TRANSLATE_NOOP("moescope::ModelOpener",
                                            "%1 needs %2 of memory and %3 are available; close other programs or choose a smaller model"))
                           .arg(model.name, QString::fromStdString(bytesText(model.bytesNeeded)),
                                QString::fromStdString(bytesText(available + givenBack)));
    if (model.order.storage == MS_F32)
        sentence += tr(QT_TRANSLATE_NOOP("moescope::ModelOpener", ", or open it with half-size weights (bf16)"));
    throw EngineException(ErrorCode::OutOfMemory, sentence.toStdString());
}

void findTheVae(OpenModel& model) {
    if (model.description().space == PictureSpace::Pixels) return;
    model.vae = findVae(*model.checkpoint, model.order.vae);
    if (!model.vae.empty()) {
        const auto files = findVaeFiles(model.vae);
        if (!files.ok() && !model.order.vae.empty()) throw EngineException(files.error());
        if (!files.ok()) model.vae.clear();
    }
    if (model.vae.empty())
        model.vaeAdvice = tr(QT_TRANSLATE_NOOP(
            "moescope::ModelOpener",
            "No VAE was found, so finished pictures are a rough preview. Download stabilityai/sd-vae-ft-mse (config.json and "
            "diffusion_pytorch_model.safetensors) into a folder named 'vae' beside the model, or choose a VAE when you open it."));
}

}  // namespace

Result<OpenModelPtr> openModelHeaders(const ModelOrder& order, const std::filesystem::path& resources, int64_t givenBack, int64_t available) {
    return guarded([&]() -> OpenModelPtr {
        auto model = std::make_shared<OpenModel>();
        model->order = order;
        const std::filesystem::path path = order.embedded() ? builtInFile(order.builtIn, resources).orThrow() : order.path;
        model->checkpoint = moescope::openModel(path, {order.weightSet, order.settings}).orThrow();
        model->checkpoint->runnable().orThrow();
        model->name = QString::fromStdString(model->checkpoint->name());
        model->bytesNeeded = model->checkpoint->memoryNeeded(order.storage);
        checkMemory(*model, givenBack, available);
        if (auto labels = findLabels(*model->checkpoint, resources)) model->labels = std::make_shared<const ClassLabels>(std::move(*labels));
        findTheVae(*model);
        return model;
    });
}

}  // namespace moescope
