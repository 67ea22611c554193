// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a picture of a data set.
#include "engine/data/picture_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const auto picture = decodePicture(std::span(reinterpret_cast<const std::byte*>(data), size), {1, 2, 3});
    if (picture && picture->rgb.size() != static_cast<size_t>(3 * picture->width * picture->height)) __builtin_trap();
    return 0;
}
