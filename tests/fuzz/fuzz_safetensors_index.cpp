// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a safetensors index; its shards are looked for among the reference files.
#include "engine/io/safetensors_index.h"
#include "tests/fuzz/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    constexpr auto kIndex = MOESCOPE_TEST_DATA "/golden/pickle-hostile/sharded/fuzz.safetensors.index.json";
    fuzz::readEverything(ShardedSource::open(MappedFile::borrow(bytes, kIndex)));
    return 0;
}
