// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/widgets/preview_cache.h"

#include <QMutexLocker>
#include <algorithm>

#include "viz/overlay/state_picture.h"

namespace moescope {
namespace {

const Picture* finishedPicture(const RunView& run, int64_t image) {
    const bool there = image >= 0 && image < static_cast<int64_t>(run.pictures.size());
    return there ? run.pictures[static_cast<size_t>(image)].get() : nullptr;
}

QImage made(const RunView& run, const EvaluationRecord& evaluation, int64_t image, PictureKind kind) {
    const StateLayout layout = stateLayout(run);
    if (kind == PictureKind::NoisyState) return noisyImage(evaluation, layout, image);
    if (kind == PictureKind::Velocity) return velocityImage(evaluation, layout, image);
    const QImage clean = layout.pixels ? cleanImage(evaluation, layout, image) : QImage();
    return clean.isNull() ? previewImage(evaluation, layout, image) : clean;
}

}  // namespace

PreviewCache::PreviewCache(qsizetype bytes) : m_pictures(std::max<qsizetype>(1, bytes >> 10)) {}

QImage PreviewCache::picture(const RunView& run, int evaluation, int64_t image, PictureKind kind) {
    if (kind == PictureKind::Final) {
        const Picture* picture = finishedPicture(run, image);
        return picture ? imageOf(*picture) : QImage();
    }
    if (evaluation < 0 || evaluation >= static_cast<int>(run.evaluations.size())) return {};
    const Key key{run.id, evaluation, image, kind};
    {
        const QMutexLocker lock(&m_mutex);
        if (const QImage* known = m_pictures.object(key)) return *known;
    }
    QImage picture = made(run, *run.evaluations[static_cast<size_t>(evaluation)], image, kind);
    if (!picture.isNull()) {
        const QMutexLocker lock(&m_mutex);
        m_pictures.insert(key, new QImage(picture), std::max<qsizetype>(1, picture.sizeInBytes() >> 10));
    }
    return picture;
}

void PreviewCache::put(RunId run, int evaluation, int64_t image, QImage decoded) {
    if (decoded.isNull()) return;
    const QMutexLocker lock(&m_mutex);
    const qsizetype cost = std::max<qsizetype>(1, decoded.sizeInBytes() >> 10);
    m_pictures.insert({run, evaluation, image, PictureKind::CleanEstimate}, new QImage(std::move(decoded)), cost);
}

bool showsFinalPicture(const RunView& run, int evaluation, int64_t image) {
    const auto count = static_cast<int>(run.evaluations.size());
    return evaluation >= 0 && evaluation == count - 1 && count >= run.plannedEvaluations && finishedPicture(run, image);
}

}  // namespace moescope
