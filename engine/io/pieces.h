// SPDX-License-Identifier: Apache-2.0
// Going through bytes of a mapped file in pieces small enough that a request to stop is heard between them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stop_token>

namespace moescope {

inline constexpr size_t kPieceBytes = size_t{1} << 20;  // 10 ms of a disk that delivers 100 MB/s

/// visit(piece) for one piece after the other; false where `stop` was requested before the last.
template <class Visit>
bool inPieces(std::span<const std::byte> bytes, const std::stop_token& stop, Visit&& visit) {
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPieceBytes))) {
        if (stop.stop_requested()) return false;
        visit(bytes.first(std::min(bytes.size(), kPieceBytes)));
    }
    return !stop.stop_requested();
}

/// Reads a byte of every page, so that the values are in memory afterwards.
inline bool touchPages(std::span<const std::byte> bytes, const std::stop_token& stop) {
    constexpr size_t kPage = 4096;
    return inPieces(bytes, stop, [](std::span<const std::byte> piece) {
        for (size_t at = 0; at < piece.size(); at += kPage)
            static_cast<void>(*static_cast<const volatile std::byte*>(piece.data() + at));
    });
}

}  // namespace moescope
