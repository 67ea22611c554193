// SPDX-License-Identifier: Apache-2.0
// A part of a picture at another size.
#pragma once

#include <cstdint>

#include "engine/data/picture_set.h"

namespace moescope {

/// A rectangle in pixels, with fractions; inside the picture.
struct PictureBox {
    double left = 0, top = 0, right = 0, bottom = 0;
};

enum class ResampleFilter {
    Area,     // averages what a target pixel covers; interpolates linearly when enlarging
    Lanczos,  // windowed sinc of three lobes, widened when shrinking: sharper edges, small overshoots cut at 0 and 255
};

/// `box` of the picture as width x height pixels. Both passes in double, rounded once.
Picture8 resample(const Picture8& picture, const PictureBox& box, int64_t width, int64_t height, ResampleFilter filter);

}  // namespace moescope
