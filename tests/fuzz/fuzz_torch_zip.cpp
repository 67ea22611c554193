// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a zip checkpoint of torch.
#include "engine/io/torch_source.h"
#include "tests/fuzz/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    fuzz::readEverything(openTorchZip(MappedFile::borrow(bytes, "fuzz.pt")));
    return 0;
}
