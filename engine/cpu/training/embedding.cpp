// SPDX-License-Identifier: Apache-2.0
// Moving values into tokens and back, forward and backward: time waves, table rows, patches, rows added, joined and
// repeated, pooling. Sums over samples run in the order of the samples.
#include <cmath>

#include "engine/cpu/training/cpu_training_device.h"
#include "engine/cpu/training/gated_rows.h"

namespace moescope::train {
namespace {

/// Pictures [samples, channels, grid p, grid p] as lines of patches: one task moves one row of patches of one channel.
struct PatchLines {
    int64_t samples, channels, grid, patch;
    bool channelLast;

    int64_t tasks() const { return samples * grid; }

    /// move(pixel offset, token offset) for every value of the task, p neighbouring pixels at a time.
    template <class Move>
    void run(int64_t task, const Move& move) const {
        const int64_t sample = task / grid, line = task % grid, side = grid * patch, width = channels * patch * patch;
        for (int64_t column = 0; column < grid; ++column) {
            const int64_t token = ((sample * grid + line) * grid + column) * width;
            for (int64_t c = 0; c < channels; ++c)
                for (int64_t p = 0; p < patch; ++p) {
                    const int64_t pixel = ((sample * channels + c) * side + line * patch + p) * side + column * patch;
                    for (int64_t q = 0; q < patch; ++q)
                        move(pixel + q,
                             token + (channelLast ? (p * patch + q) * channels + c : (c * patch + p) * patch + q));
                }
        }
    }
};

/// What the weights of a sample's tokens are divided by; they count as zero where their sum is.
float weightFactor(const float* weight, int64_t tokens) {
    double sum = 0;
    for (int64_t token = 0; token < tokens; ++token) sum += weight[token];
    return sum == 0 ? 0.0f : static_cast<float>(1 / sum);
}

}  // namespace

void CpuTrainingDevice::timestepWaves(int64_t samples, int64_t width, float maxPeriod, const float* t, float* waves) {
    const int64_t half = width / 2;
    // Rates and angles are rounded to fp32 step by step, as in inference.
    const float exponent =
        half > 0 ? static_cast<float>(-std::log(static_cast<double>(maxPeriod)) / static_cast<double>(half)) : 0.0f;
    forParts(samples, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < half; ++i) {
            const float rate = static_cast<float>(std::exp(static_cast<double>(static_cast<float>(i) * exponent)));
            for (int64_t sample = begin; sample < end; ++sample) {
                const double angle = t[sample] * rate;  // an fp32 product
                waves[sample * width + i] = static_cast<float>(std::cos(angle));
                waves[sample * width + half + i] = static_cast<float>(std::sin(angle));
            }
        }
        if (width % 2)
            for (int64_t sample = begin; sample < end; ++sample) waves[sample * width + width - 1] = 0.0f;
    });
}

void CpuTrainingDevice::gatherRows(int64_t count, int64_t width, const float* table, const int32_t* index, float* out) {
    forParts(count, partRows(width), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) std::copy_n(table + index[i] * width, width, out + i * width);
    });
}

void CpuTrainingDevice::gatherRowsBackward(int64_t count, int64_t width, const int32_t* index, const float* dOut,
                                           float* dTable) {
    // Parts of columns: rows of the table may be met several times, in the order of i.
    forParts(width, 256, [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < count; ++i)
            cpu::addInto(end - begin, dOut + i * width + begin, dTable + index[i] * width + begin);
    });
}

void CpuTrainingDevice::patchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* pictures,
                                 float* tokens) {
    const PatchLines lines{samples, channels, grid, patch, false};
    m_pool.parallelFor(lines.tasks(), [&](int64_t task, int) {
        lines.run(task, [&](int64_t pixel, int64_t value) { tokens[value] = pictures[pixel]; });
    });
}

void CpuTrainingDevice::unpatchify(int64_t samples, int64_t channels, int64_t grid, int64_t patch, const float* tokens,
                                   float* pictures) {
    const PatchLines lines{samples, channels, grid, patch, true};
    m_pool.parallelFor(lines.tasks(), [&](int64_t task, int) {
        lines.run(task, [&](int64_t pixel, int64_t value) { pictures[pixel] = tokens[value]; });
    });
}

void CpuTrainingDevice::unpatchifyBackward(int64_t samples, int64_t channels, int64_t grid, int64_t patch,
                                           const float* dPictures, float* dTokens) {
    const PatchLines lines{samples, channels, grid, patch, true};
    m_pool.parallelFor(lines.tasks(), [&](int64_t task, int) {
        lines.run(task, [&](int64_t pixel, int64_t value) { dTokens[value] = dPictures[pixel]; });
    });
}

void CpuTrainingDevice::addRows(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* table,
                                float* y) {
    const int64_t values = tokens * width, parts = cpu::ceilDivide(values, kPartValues);
    m_pool.parallelFor(samples * parts, [&](int64_t task, int) {
        const int64_t begin = task % parts * kPartValues, count = std::min(kPartValues, values - begin);
        const int64_t place = task / parts * values + begin;
        cpu::addTwo(count, x + place, table + begin, y + place);
    });
}

void CpuTrainingDevice::addRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy,
                                        float* dTable) {
    const int64_t values = tokens * width;
    forParts(values, 1024, [&](int64_t begin, int64_t end) {
        for (int64_t sample = 0; sample < samples; ++sample)
            cpu::addInto(end - begin, dy + sample * values + begin, dTable + begin);
    });
}

void CpuTrainingDevice::joinTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* front,
                                   const float* x, float* y) {
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        float* to = y + sample * (lead + tokens) * width;
        std::copy_n(front + sample * lead * width, lead * width, to);
        std::copy_n(x + sample * tokens * width, tokens * width, to + lead * width);
    });
}

void CpuTrainingDevice::splitTokens(int64_t samples, int64_t lead, int64_t tokens, int64_t width, const float* y,
                                    float* front, float* x) {
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        const float* from = y + sample * (lead + tokens) * width;
        if (front) std::copy_n(from, lead * width, front + sample * lead * width);
        if (x) std::copy_n(from + lead * width, tokens * width, x + sample * tokens * width);
    });
}

void CpuTrainingDevice::repeatRows(int64_t samples, int64_t tokens, int64_t width, const float* x,
                                   const float* position, float* y) {
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        for (int64_t token = 0; token < tokens; ++token)
            cpu::addTwo(width, x + sample * width, position + token * width, y + (sample * tokens + token) * width);
    });
}

void CpuTrainingDevice::repeatRowsBackward(int64_t samples, int64_t tokens, int64_t width, const float* dy, float* dx,
                                           float* dPosition) {
    if (dx)
        m_pool.parallelFor(samples, [&](int64_t sample, int) {
            for (int64_t token = 0; token < tokens; ++token)
                cpu::addInto(width, dy + (sample * tokens + token) * width, dx + sample * width);
        });
    if (dPosition) addRowsBackward(samples, tokens, width, dy, dPosition);
}

void CpuTrainingDevice::pool(int64_t samples, int64_t tokens, int64_t width, const float* x, const float* weight,
                             float* out) {
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        const float* from = x + sample * tokens * width;
        float* to = out + sample * width;
        const float factor = weightFactor(weight + sample * tokens, tokens);
        std::fill_n(to, width, 0.0f);
        for (int64_t token = 0; token < tokens; ++token, from += width) {
            const float own = weight[sample * tokens + token] * factor;
            for (int64_t i = 0; i < width; ++i) to[i] += own * from[i];
        }
    });
}

void CpuTrainingDevice::poolBackward(int64_t samples, int64_t tokens, int64_t width, const float* weight,
                                     const float* dOut, float* dx) {
    m_pool.parallelFor(samples, [&](int64_t sample, int) {
        const float* from = dOut + sample * width;
        float* to = dx + sample * tokens * width;
        const float factor = weightFactor(weight + sample * tokens, tokens);
        for (int64_t token = 0; token < tokens; ++token, to += width) {
            const float own = weight[sample * tokens + token] * factor;
            for (int64_t i = 0; i < width; ++i) to[i] = own * from[i];
        }
    });
}

}  // namespace moescope::train
