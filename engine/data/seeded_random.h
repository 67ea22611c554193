// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same on every machine: splitmix64 (Steele, Lea and Flood 2014), by call or by counter.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace moescope {

/// One well-mixed number out of another.
constexpr uint64_t mixBits(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// A stream for each (seed, stream): what one picture draws does not move what the next one draws.
class SeededRandom {
public:
    explicit SeededRandom(uint64_t seed, uint64_t stream = 0) : m_state(mixBits(mixBits(seed) ^ mixBits(~stream))) {}

    uint64_t next() { return mixBits(m_state += 0x9e3779b97f4a7c15); }
    /// 0 .. below - 1, below > 0. The bias of a range is under below / 2^64.
    int64_t below(int64_t below) { return static_cast<int64_t>(next() % static_cast<uint64_t>(below)); }
    /// [low, high), multiples of 2^-53 of the range.
    double uniform(double low = 0, double high = 1) {
        return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
    }
    bool chance(double probability) { return uniform() < probability; }

    template <class T>
    const T& oneOf(const std::vector<T>& values) {
        return values[static_cast<size_t>(below(static_cast<int64_t>(values.size())))];
    }
    template <class T>
    void shuffle(std::vector<T>& values) {
        for (size_t left = values.size(); left > 1; --left)
            std::swap(values[left - 1], values[static_cast<size_t>(below(static_cast<int64_t>(left)))]);
    }

private:
    uint64_t m_state;
};

}  // namespace moescope
