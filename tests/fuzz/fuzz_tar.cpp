// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a tar shard: every member read on the way and once more by its position.
#include "engine/data/tar_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    std::vector<TarMember> members;
    (void)visitTar(bytes, [&](const TarMember& member, const std::function<std::string()>& content) {
        (void)guarded(content);
        members.push_back(member);
    });
    for (const TarMember& member : members) (void)guarded([&] { return readTarMember(bytes, member, 1 << 20); });
    return 0;
}
