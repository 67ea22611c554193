// SPDX-License-Identifier: Apache-2.0
// How operations of the CUDA device fail inside the plugin; caught at its edge, never seen outside.
#pragma once

#include <sstream>
#include <string>
#include <utility>

#include "engine/backend/backend_table.h"

namespace moescope::cuda {

struct Failure {
    MsStatus status;
    std::string message;
};

template <class... Parts>
std::string sentence(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return std::move(text).str();
}

[[noreturn]] inline void fail(MsStatus status, std::string message) {
    throw Failure{status, std::move(message)};
}

}  // namespace moescope::cuda

/// MS_INVALID with a sentence made of the parts when a shape or an argument does not fit.
#define MS_CUDA_REQUIRE(condition, ...)                                                                \
    do {                                                                                               \
        if (!(condition)) ::moescope::cuda::fail(MS_INVALID, ::moescope::cuda::sentence(__VA_ARGS__)); \
    } while (false)
