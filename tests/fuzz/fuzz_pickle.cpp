// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a pickle, walked as a checkpoint's.
#include <cstdint>
#include <cstdlib>

#include "engine/core/error.h"
#include "engine/io/pickle_reader.h"
#include "engine/io/strided_view.h"
#include "engine/io/torch_contents.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    try {
        const Pickle pickle = readPickle({reinterpret_cast<const std::byte*>(data), size});
        for (const PickleId persistent : pickle.persistents) {
            try {
                readTorchStorage(pickle.graph, persistent);
            } catch (const EngineException&) {
            }
        }
        const TorchContents contents = readTorchContents(pickle);
        for (const NamedTorchTensor& tensor : contents.tensors)
            if (elementsReached(tensor.tensor.view) && elementCount(tensor.tensor.view.shape) < 0) std::abort();
        if (contents.metadata.dump().empty()) std::abort();
    } catch (const EngineException& e) {
        if (e.error().message.empty()) std::abort();
    }
    return 0;
}
