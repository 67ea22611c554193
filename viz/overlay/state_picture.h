// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of a run's states: what a person sees of an evaluation without any weights at hand.
#pragma once

#include <QImage>

#include "engine/trace/run_record.h"

namespace moescope {

QImage imageOf(const Picture& picture);
Picture pictureOf(const QImage& image);

/// How the tensors of a run's evaluations are to be read.
struct StateLayout {
    Shape latentShape;  // [C, H, W]
    LatentPrecision precision = LatentPrecision::F16;
    double tEps = 0;
    int previewHeight = 0, previewWidth = 0;
    bool pixels = false;  // the model works on pixels, not on latents
};

/// The same for records and for views of runs that are still going.
template <class Run>
StateLayout stateLayout(const Run& run) {
    // Nothing states the space of a stored run: pixels have three channels and the size of the picture, latents are smaller.
    const bool pixels = run.latentShape.size() == 3 && run.latentShape[0] == 3 &&
                        (run.parameters.width == 0 || run.parameters.width == run.latentShape[2]);
    return {run.latentShape, run.precision, run.parameters.tEps, run.previewHeight, run.previewWidth, pixels};
}

/// All of these give a null image where the evaluation has no such image of the batch, or where its tensors were not kept.
QImage previewImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image);
/// At the resolution of the state itself; latents through the same linear map as the preview.
QImage cleanImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image);
QImage noisyImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image);
/// Grey is 0; values of -2 and 2 are the ends.
QImage velocityImage(const EvaluationRecord& evaluation, const StateLayout& layout, int64_t image);

}  // namespace moescope
