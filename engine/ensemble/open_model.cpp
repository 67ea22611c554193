// SPDX-License-Identifier: Apache-2.0
#include "engine/ensemble/open_model.h"

#include "engine/ensemble/ensemble.h"

namespace moescope {

Result<std::shared_ptr<const LoadableModel>> openModel(const std::filesystem::path& path, const CheckpointOptions& options) {
    if (!isEnsembleFile(path)) {
        auto checkpoint = Checkpoint::open(path, options);
        if (!checkpoint.ok()) return checkpoint.error();
        return std::shared_ptr<const LoadableModel>(std::move(*checkpoint));
    }
    if (!options.weightSet.empty() || !options.settings.empty())
        return EngineError{ErrorCode::InvalidArgument, "the experts of an ensemble have weight sets and settings of their own; give them as "
                                                       "\"weights\" and \"settings\" in the ensemble file"};
    auto ensemble = Ensemble::open(path);
    if (!ensemble.ok()) return ensemble.error();
    return std::shared_ptr<const LoadableModel>(std::move(*ensemble));
}

std::optional<BuiltInModel> builtInWithFingerprint(const std::string& fingerprint, const std::filesystem::path& resources) {
    for (const BuiltInModel& model : builtInModels()) {
        const auto opened = openModel(resources / model.file);
        if (opened.ok() && (*opened)->fingerprint() == fingerprint) return model;
    }
    return std::nullopt;
}

}  // namespace moescope
