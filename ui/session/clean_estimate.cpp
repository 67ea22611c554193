// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/clean_estimate.h"

#include <algorithm>
#include <span>

#include <QCoreApplication>

namespace moescope {
namespace {

EngineError missing(const char* sentence) {
    return {ErrorCode::NotFound, QCoreApplication::translate("moescope::CleanEstimate", sentence).toStdString()};
}

/// The fp32 values of one image of [images, C, H, W]; empty when it is not there.
std::vector<float> imageOf(const std::vector<std::byte>& stored, LatentPrecision precision, int64_t elements, int64_t image) {
    const auto bytes = static_cast<size_t>(elements) * (precision == LatentPrecision::F16 ? 2 : 4);
    const size_t first = static_cast<size_t>(image) * bytes;
    if (stored.size() < first + bytes) return {};
    const auto begin = stored.begin() + static_cast<std::ptrdiff_t>(first);
    return unpackLatents({begin, begin + static_cast<std::ptrdiff_t>(bytes)}, precision);
}

}  // namespace

Result<HostTensor> cleanEstimate(const RunView& run, int evaluation, int64_t image) {
    if (evaluation < 0 || static_cast<size_t>(evaluation) >= run.evaluations.size() || image < 0 || image >= run.images)
        return missing(QT_TRANSLATE_NOOP("moescope::CleanEstimate", "The run has no such evaluation or picture; choose one that is there."));
    const EvaluationRecord& record = *run.evaluations[static_cast<size_t>(evaluation)];
    const int64_t elements = elementCount(run.latentShape);
    const std::vector<float> noisy = imageOf(record.noisy, run.precision, elements, image);
    const std::vector<float> velocity = imageOf(record.velocity, run.precision, elements, image);
    if (noisy.empty() || velocity.empty())
        return missing(QT_TRANSLATE_NOOP("moescope::CleanEstimate",
                                         "The latents of this moment are not there: they are kept when a run is finished, unless it was "
                                         "made without them; look at the preview."));
    const float span = std::max(record.info.noiseLevel, static_cast<float>(run.parameters.tEps));
    HostTensor clean(run.latentShape);
    for (size_t i = 0; i < clean.data.size(); ++i) clean.data[i] = noisy[i] + span * velocity[i];
    return clean;
}

PictureSpace pictureSpace(const RunView& run) {
    if (run.latentShape.size() == 3 && run.parameters.width > 0)
        return run.latentShape[2] == run.parameters.width ? PictureSpace::Pixels : PictureSpace::SdLatent;
    return run.latentShape.size() == 3 && run.latentShape[0] == 3 ? PictureSpace::Pixels : PictureSpace::SdLatent;
}

}  // namespace moescope
