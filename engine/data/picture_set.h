// SPDX-License-Identifier: Apache-2.0
// Pictures to learn from, by number: folders, tar shards, and what `dataset` wrote.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace moescope {

/// 8-bit colour, row-major [height, width, 3].
struct Picture8 {
    int64_t width = 0;
    int64_t height = 0;
    std::vector<uint8_t> rgb;

    bool operator==(const Picture8&) const = default;
};

/// One thing to learn from: a picture with its class and captions.
struct TrainingItem {
    std::string key;     // the name of its file inside the set: "cats/12.png", "shard-0.tar/000012.png"
    int32_t label = -1;  // index into classNames(); -1: none
    std::vector<std::string> captions;
};

/// Items by number, the same on every machine and run (sorted by name; shards keep their own order); pictures are
/// decoded when they are asked for. Const, and `picture` may be called from several threads.
class PictureSet {
public:
    virtual ~PictureSet() = default;
    virtual int64_t size() const = 0;
    virtual const TrainingItem& item(int64_t index) const = 0;
    /// As stored, any size; what is transparent is laid over the set's background (white, unless its dataset.json says
    /// otherwise). A broken file is an error whose sentence does not repeat the key.
    virtual Result<Picture8> picture(int64_t index) const = 0;
    /// Empty: no classes.
    virtual const std::vector<std::string>& classNames() const = 0;
    /// Changes when the pictures or their order may have changed: from names, sizes and times of files, which are not
    /// read again.
    virtual std::string fingerprint() const = 0;
    /// Sentences on what was passed over when the set was opened, such as the end of a damaged shard.
    virtual const std::vector<std::string>& remarks() const = 0;
};

/// Opens
/// - a folder: *.png, *.jpg, *.jpeg and *.webp at any depth (links to folders are not followed, names with a leading
///   dot are passed over). Classes are the subfolders of its top, captions the lines of NAME.txt beside NAME.png; or
///   both come from metadata.jsonl (file_name; caption, captions, text or texts; label as a number or a name). A
///   labels.json gives the names of the numbers.
/// - tar shards, one *.tar or a folder with *.tar: members with one stem belong together (picture; .txt or .caption;
///   .cls; .json with the fields of metadata.jsonl).
/// NotFound, Io, Format or Unsupported; a set without a picture is an error.
Result<std::unique_ptr<PictureSet>> openPictureSet(const std::string& path);

/// The sets behind one another. Classes of the same name are one class; items keep their captions and get their set's
/// number in front of their key. At least one set.
Result<std::unique_ptr<PictureSet>> joinPictureSets(std::vector<std::unique_ptr<PictureSet>> sets);

/// How a picture of any size becomes a square.
struct PreparedSize {
    enum class Fit {
        Crop,  // the largest square in the middle
        Pad,   // the whole picture, with `padding` beside it
    };
    int64_t side = 32;
    Fit fit = Fit::Crop;
    bool flip = false;  // whether the loader mirrors every other picture
    std::array<uint8_t, 3> padding{255, 255, 255};
};

/// [3, side, side], planes of red, green and blue. Averages areas when shrinking, interpolates when enlarging; rounded
/// to bytes, so that kept and fresh pictures are the same.
std::vector<uint8_t> preparedBytes(const Picture8& picture, const PreparedSize& size, bool mirrored);
/// The same in -1 .. 1: byte / 127.5 - 1.
std::vector<float> preparePicture(const Picture8& picture, const PreparedSize& size, bool mirrored);

}  // namespace moescope
