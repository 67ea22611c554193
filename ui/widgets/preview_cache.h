// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of evaluations, made once and kept as long as there is room: scrubbing back and forth unpacks nothing twice.
#pragma once

#include <QCache>
#include <QImage>
#include <QMutex>

#include "ui/session/run_view.h"

namespace moescope {

/// May be used by several threads of the pool at once. Nothing here needs a VAE.
class PreviewCache {
public:
    explicit PreviewCache(qsizetype bytes = qsizetype{96} << 20);

    /// Null when the run has no such picture: not reached yet, or its states were not kept.
    QImage picture(const RunView& run, int evaluation, int64_t image, PictureKind kind);
    /// A better picture of a clean estimate than the cache can make: decoded with the VAE. Kept as long as the others.
    void put(RunId run, int evaluation, int64_t image, QImage decoded);

private:
    struct Key {
        RunId run;
        int evaluation;
        int64_t image;
        PictureKind kind;
        bool operator==(const Key&) const = default;
        friend size_t qHash(const Key& key, size_t seed) {
            return qHashMulti(seed, key.run, key.evaluation, static_cast<qint64>(key.image), static_cast<int>(key.kind));
        }
    };
    QMutex m_mutex;
    QCache<Key, QImage> m_pictures;  // cost: kibibytes
};

/// Whether the picture itself stands for this evaluation: it is the last one of a whole run and the picture exists.
bool showsFinalPicture(const RunView& run, int evaluation, int64_t image);

}  // namespace moescope
