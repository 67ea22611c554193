// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/isa.h"

#include <fmt/format.h>

#include <mutex>

#include "engine/cpu/vector_targets.h"
#include "hwy/highway.h"

namespace moescope::cpu {
namespace {

struct Level {
    std::string_view name;  // as typed by a person
    const char* label;      // as shown to one
    int64_t target;         // what the processor must have
    int64_t better;         // levels that must not be used then
};

constexpr int64_t kAboveAvx2 = HWY_AVX3 | HWY_AVX3_DL;
constexpr int64_t kAboveSse4 = kAboveAvx2 | HWY_AVX2;
constexpr Level kLevels[] = {
    {"avx512", "AVX-512", HWY_AVX3, 0},
    {"avx2", "AVX2", HWY_AVX2, kAboveAvx2},
    {"sse4", "SSE4", HWY_SSE4, kAboveSse4},
};

std::mutex levelMutex;
int64_t disabledNow = 0;

void disable(int64_t targets) {
    if (targets == disabledNow) return;  // threads that compute right now are not disturbed
    hwy::DisableTargets(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    disabledNow = targets;
}

}  // namespace

Result<std::string> selectIsa(std::string_view wanted) {
    std::lock_guard lock(levelMutex);
    static const int64_t present = hwy::SupportedTargets();  // before anything was disabled
    if (wanted.empty() || wanted == "auto") {
        disable(0);
        for (const Level& level : kLevels)
            if (present & level.target) return std::string(level.label);
        return std::string("scalar code");
    }
    for (const Level& level : kLevels) {
        if (level.name != wanted) continue;
        if (!(present & level.target))
            return EngineError{
                ErrorCode::Unsupported,
                fmt::format("this processor has no {}; choose \"auto\" or a lower instruction level", level.label)};
        disable(level.better);
        return std::string(level.label);
    }
    return EngineError{ErrorCode::InvalidArgument,
                       fmt::format("the instruction level must be auto, avx512, avx2 or sse4, not \"{}\"", wanted)};
}

}  // namespace moescope::cpu
