// SPDX-License-Identifier: GPL-3.0-or-later
// Small valid files with a few bytes changed, cut, repeated or exchanged: any answer is right but a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "engine/io/mapped_file.h"
#include "engine/io/open_tensor_source.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

constexpr int kMutationsPerFile = 150;
constexpr uint64_t kMostBytes = 1 << 24;  // of one tensor; a mutation may make a harmless giant by repeating elements

void readEverything(const std::vector<std::byte>& bytes, const fs::path& path, size_t& opened, size_t& refused) {
    // A copy of exact size, so that the sanitizer sees a read one byte behind the end.
    const std::vector<std::byte> exact(bytes.begin(), bytes.end());
    const auto source = openTensorSource(MappedFile::borrow(exact, path.string()));
    if (!source.ok()) {
        ++refused;
        EXPECT_NE(source.error().code, ErrorCode::Internal) << source.error().message;
        return;
    }
    ++opened;
    for (const TensorInfo& tensor : (*source)->tensors()) {
        const uint64_t size = static_cast<uint64_t>(tensor.elements()) * dtypeSize(tensor.dtype);
        if (size > kMostBytes) continue;
        std::vector<std::byte> raw(size);
        std::vector<float> values(static_cast<size_t>(tensor.elements()));
        EXPECT_EQ((*source)->readRaw(tensor, raw).ok(), (*source)->readFloat(tensor, values).ok());
        (*source)->releasePages(tensor);
    }
}

std::vector<std::byte> mutated(std::vector<std::byte> bytes, std::mt19937& random) {
    const auto pick = [&random](size_t below) { return below == 0 ? 0 : random() % below; };
    for (size_t change = 1 + pick(3); change > 0 && !bytes.empty(); --change) {
        const size_t at = pick(bytes.size());
        switch (pick(6)) {
            case 0:
                bytes[at] ^= static_cast<std::byte>(1u << pick(8));
                break;
            case 1:
                bytes[at] = static_cast<std::byte>(pick(256));
                break;
            case 2:
                bytes.resize(at);
                break;
            case 3:
                bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1 + pick(9),
                             static_cast<std::byte>(pick(256)));
                break;
            case 4:
                bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                            bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + 1 + pick(9))));
                break;
            default:
                std::swap(bytes[at], bytes[pick(bytes.size())]);
                break;
        }
    }
    return bytes;
}

/// Checksums of a zip archive set to 0, which means "not recorded": otherwise nearly every change ends at a checksum.
std::vector<std::byte> withoutChecksums(std::vector<std::byte> bytes) {
    const auto blank = [&bytes](std::string_view signature, size_t offset) {
        const auto pattern = std::as_bytes(std::span(signature));
        for (auto at = bytes.begin();; ++at) {
            at = std::search(at, bytes.end(), pattern.begin(), pattern.end());
            if (bytes.end() - at < static_cast<std::ptrdiff_t>(offset + 4)) return;
            std::fill_n(at + static_cast<std::ptrdiff_t>(offset), 4, std::byte{0});
        }
    };
    blank("PK\x03\x04", 14);
    blank("PK\x01\x02", 16);
    return bytes;
}

TEST(MutatedFiles, NeverCrashAReader) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(MOESCOPE_TEST_DATA) / "golden/pickle-hostile"))
        if (entry.is_regular_file() && entry.path().filename().string().starts_with("valid_"))
            files.push_back(entry.path());
    std::ranges::sort(files);
    ASSERT_GT(files.size(), 25u);
    size_t opened = 0, refused = 0;
    for (const fs::path& path : files) {
        const auto original = withoutChecksums(test::fileBytes(path));
        std::mt19937 random(20250101);
        for (int i = 0; i < kMutationsPerFile; ++i) readEverything(mutated(original, random), path, opened, refused);
    }
    // Both ways out are really taken: the changes are neither all harmless nor all fatal.
    EXPECT_GT(opened, 200u);
    EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace moescope
