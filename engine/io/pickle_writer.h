// SPDX-License-Identifier: Apache-2.0
// Values as a pickle of protocol 2, tensors by reference to their storage as torch.save writes them.
#pragma once

#include <string>
#include <vector>

#include "engine/io/torch_writer.h"

namespace moescope {

struct PickledValue {
    std::string bytes;
    std::vector<const TorchTensor*> tensors;  // storage i is entry "data/<i>"; they live as long as the value
};

/// Throws EngineException (InvalidArgument) for a tensor type that torch does not have or a shape that is none.
PickledValue pickle(const TorchValue& value);

}  // namespace moescope
