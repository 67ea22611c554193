// SPDX-License-Identifier: GPL-3.0-or-later
// A mixture of networks as a person puts it together, and the way from there to an ensemble file.
#pragma once

#include <QString>
#include <QVector>
#include <filesystem>

#include "engine/core/error.h"

namespace moescope {

/// Who chooses among the networks.
enum class MixtureRouter : uint8_t {
    Words,       // likeness of the prompt to the words of each network
    NoiseLevel,  // each network has its part of the run
    Even,        // all weigh the same
};

struct DraftNetwork {
    QString name;
    std::filesystem::path file;
    QString words;  // Words
    double noiseFrom = 1,
           noiseTo =
               0;  // NoiseLevel: share of noise at which it begins (1: the start) and ends (0: the finished picture)
};

struct MixtureDraft {
    QString name;
    QVector<DraftNetwork> networks;
    MixtureRouter router = MixtureRouter::Words;
    int topK = 1;
};

/// A name for the network of a checkpoint that no other of the draft has.
QString freeName(const MixtureDraft& draft, const std::filesystem::path& file);

/// Opens all headers, checks that the networks fit together, and writes the file with paths relative to it. The error
/// is a sentence; nothing is written then. Any thread; reads from disk.
Status writeMixture(const MixtureDraft& draft, const std::filesystem::path& path);

}  // namespace moescope
