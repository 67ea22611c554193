// SPDX-License-Identifier: GPL-3.0-or-later
// Every operation of a training device at the sizes where devices go wrong: odd ones, one token, experts without any,
// larger than blocks.
//
//     for (const DeviceCase& check : deviceCases())
//         for (const DeviceDifference& found : compareDevices(check, *makeReferenceTrainingDevice(), device))
//             EXPECT_TRUE(found.within()) << check.name << ": " << found.name << " " << found.error << " > " <<
//             found.limit;
#pragma once

#include "tests/engine/train/layer_device_cases.h"
#include "tests/engine/train/moe_device_cases.h"
#include "tests/engine/train/step_device_cases.h"

namespace moescope::test {

inline std::vector<DeviceCase> deviceCases() {
    std::vector<DeviceCase> cases = layerDeviceCases();
    for (std::vector<DeviceCase> more : {moeDeviceCases(), stepDeviceCases()})
        for (DeviceCase& one : more) cases.push_back(std::move(one));
    return cases;
}

}  // namespace moescope::test
