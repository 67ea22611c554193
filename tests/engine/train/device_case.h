// SPDX-License-Identifier: GPL-3.0-or-later
// One operation of a training device, run with the same random inputs on any device, and the comparison of what comes
// out. Needs no test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/train/training_device.h"

namespace moescope::test {

/// A tensor that an operation wrote, and how far an fp32 device may be from the oracle: largest difference over largest
/// value.
struct DeviceResult {
    std::string name;
    std::vector<double> values;
    double limit = 0;
};

struct DeviceCase {
    std::string name;
    std::function<std::vector<DeviceResult>(train::TrainingDevice&)> run;
};

/// Limit after `stages` sums of about `terms` terms each. A sum in fp32 makes one rounding of at most 2^-24 of the
/// partial sum per term; they are as good as random, so that the largest of a few hundred results is about 4 sqrt(terms
/// / 3) 2^-24 off; the terms bring roundings of their own (products, exponentials), together at most three times that:
/// 8 sqrt(terms) 2^-24 per stage.
inline double roundingLimit(int64_t terms, int stages = 1) {
    return stages * 8 * std::sqrt(static_cast<double>(std::max<int64_t>(terms, 1))) * 0x1p-24;
}

struct DeviceDifference {
    std::string name;
    double error = 0, limit = 0;
    bool within() const { return error <= limit; }
};

/// Every tensor compared; the error is infinite where sizes differ or a value is not a number.
inline std::vector<DeviceDifference> differences(const std::vector<DeviceResult>& oracle,
                                                 const std::vector<DeviceResult>& tested) {
    std::vector<DeviceDifference> found;
    for (size_t i = 0; i < oracle.size(); ++i) {
        DeviceDifference difference{oracle[i].name, 0, oracle[i].limit};
        double largest = 0, apart = 0;
        const bool comparable = i < tested.size() && tested[i].values.size() == oracle[i].values.size();
        for (size_t j = 0; comparable && j < oracle[i].values.size(); ++j) {
            const double one = std::abs(tested[i].values[j] - oracle[i].values[j]);
            apart = one <= apart ? apart : (std::isfinite(one) ? one : std::numeric_limits<double>::infinity());
            largest = std::max(largest, std::abs(oracle[i].values[j]));
        }
        difference.error =
            comparable ? (largest > 0 ? apart / largest : apart) : std::numeric_limits<double>::infinity();
        found.push_back(std::move(difference));
    }
    return found;
}

/// What `check` makes of every case on both devices.
inline std::vector<DeviceDifference> compareDevices(const DeviceCase& check, train::TrainingDevice& oracle,
                                                    train::TrainingDevice& tested) {
    return differences(check.run(oracle), check.run(tested));
}

/// The memory and the random inputs of one case on one device; equal seeds give equal inputs.
class CaseRun {
public:
    explicit CaseRun(train::TrainingDevice& device, uint32_t seed = 1) : device(device), m_bits(seed) {}

    /// Uniform in -scale .. scale, exactly representable.
    std::vector<float> draw(int64_t count, float scale = 1) {
        std::vector<float> values(static_cast<size_t>(count));
        for (float& value : values)
            value = scale * static_cast<float>(static_cast<int32_t>(m_bits() >> 8) - (1 << 23)) * 0x1p-23f;
        return values;
    }
    float* random(int64_t count, float scale = 1) { return upload(draw(count, scale)); }
    /// Memory that an operation must overwrite: full of sevens.
    float* target(int64_t count) { return upload(std::vector<float>(static_cast<size_t>(count), 7.0f)); }
    int32_t* integerTarget(int64_t count) { return upload(std::vector<int32_t>(static_cast<size_t>(count), 7)); }

    template <class T>
    T* upload(const std::vector<T>& values) {
        const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
        m_memory.push_back(device.reserve(std::max<int64_t>(bytes, 4)));
        device.upload(values.data(), m_memory.back()->data(), bytes);
        return reinterpret_cast<T*>(m_memory.back()->data());
    }
    template <class T>
    std::vector<T> download(const T* from, int64_t count) {
        std::vector<T> values(static_cast<size_t>(count));
        device.download(from, values.data(), count * static_cast<int64_t>(sizeof(T)));
        return values;
    }

    /// Null `from`: nothing to compare.
    template <class T>
    void result(const std::string& name, const T* from, int64_t count, double limit) {
        if (!from) return;
        const std::vector<T> values = download(from, count);
        results.push_back({name, std::vector<double>(values.begin(), values.end()), limit});
    }

    train::TrainingDevice& device;
    std::vector<DeviceResult> results;

private:
    std::mt19937 m_bits;
    std::vector<std::unique_ptr<train::MemoryBlock>> m_memory;
};

}  // namespace moescope::test
