// SPDX-License-Identifier: GPL-3.0-or-later
// Archives beyond 4 GB, as most published checkpoints are: a small one moved behind a hole, so that the file takes no
// room.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/io/tensor_source.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHole = uint64_t{1} << 32;
const fs::path kSmall = fs::path(MOESCOPE_TEST_DATA) / "golden" / "dsmoe-tiny" / "checkpoints" / "0000100.pt";

template <class Number>
Number get(const std::string& bytes, size_t at) {
    Number value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

template <class Number>
void put(std::string& bytes, Number value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class Number>
void set(std::string& bytes, size_t at, Number value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
}

/// The directory of the small archive, its entries 4 GB further on: places (and where asked, sizes) as 64-bit numbers
/// in the extra field, followed by the end records of a large archive.
std::string movedDirectory(const std::string& archive, size_t directory, uint16_t entries, bool sizesToo) {
    std::string moved;
    for (size_t at = directory, entry = 0; entry < entries; ++entry) {
        std::string record = archive.substr(at, 46);
        const auto name = get<uint16_t>(record, 28), extra = get<uint16_t>(record, 30),
                   comment = get<uint16_t>(record, 32);
        std::string field;
        put<uint16_t>(field, 1);
        put<uint16_t>(field, sizesToo ? 24 : 8);
        if (sizesToo) {
            put<uint64_t>(field, get<uint32_t>(record, 24));
            put<uint64_t>(field, get<uint32_t>(record, 20));
            set<uint32_t>(record, 20, 0xffffffff);
            set<uint32_t>(record, 24, 0xffffffff);
        }
        put<uint64_t>(field, kHole + get<uint32_t>(record, 42));
        set<uint32_t>(record, 42, 0xffffffff);
        set<uint16_t>(record, 30, static_cast<uint16_t>(field.size()));
        set<uint16_t>(record, 32, 0);
        moved += record + archive.substr(at + 46, name) + field;
        at += 46u + name + extra + comment;
    }
    const uint64_t size = moved.size(), begin = kHole + directory;
    moved += "PK\x06\x06";
    put<uint64_t>(moved, 44);
    put<uint16_t>(moved, 45);
    put<uint16_t>(moved, 45);
    put<uint64_t>(moved, 0);  // two disk numbers
    put<uint64_t>(moved, entries);
    put<uint64_t>(moved, entries);
    put<uint64_t>(moved, size);
    put<uint64_t>(moved, begin);
    moved += "PK\x06\x07";
    put<uint32_t>(moved, 0);
    put<uint64_t>(moved, begin + size);
    put<uint32_t>(moved, 1);
    moved += std::string("PK\x05\x06\0\0\0\0", 8);
    put<uint16_t>(moved, entries);
    put<uint16_t>(moved, entries);
    put<uint32_t>(moved, static_cast<uint32_t>(size));
    put<uint32_t>(moved, 0xffffffff);
    put<uint16_t>(moved, 0);
    return moved;
}

class LargeArchive : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        std::ifstream stream(kSmall, std::ios::binary);
        const std::string archive{std::istreambuf_iterator<char>(stream), {}};
        const size_t end = archive.rfind("PK\x05\x06");
        ASSERT_NE(end, std::string::npos);
        const auto directory = get<uint32_t>(archive, end + 16);
        // Tests run beside one another: each process has a file of its own.
        path = fs::temp_directory_path() / ("moescope-large-" + std::to_string(::getpid()) + (GetParam() ? "-sizes.pt" : ".pt"));
        std::ofstream out(path, std::ios::binary | std::ios::trunc);
        out.write(archive.data(), 4);  // what the kind of a file is known by
        out.seekp(static_cast<std::streamoff>(kHole));
        out << archive.substr(0, directory)
            << movedDirectory(archive, directory, get<uint16_t>(archive, end + 10), GetParam());
        out.close();
        ASSERT_TRUE(out) << "a sparse file of 4 GB could not be written to " << path;
    }
    void TearDown() override { fs::remove(path); }

    fs::path path;
};

TEST_P(LargeArchive, GivesTheSameTensorsBehindFourGigabytes) {
    const auto large = openTensorSource(path);
    ASSERT_TRUE(large.ok()) << large.error().message;
    const auto small = openTensorSource(kSmall).orThrow();
    ASSERT_EQ((*large)->tensors().size(), small->tensors().size());
    for (const TensorInfo& tensor : small->tensors()) {
        const size_t bytes = static_cast<size_t>(tensor.elements()) * dtypeSize(tensor.dtype);
        std::vector<std::byte> expected(bytes), found(bytes);
        small->readRaw(tensor, expected).orThrow();
        const TensorInfo* same = (*large)->find(tensor.name);
        ASSERT_NE(same, nullptr) << tensor.name;
        const Status read = (*large)->readRaw(*same, found);
        ASSERT_TRUE(read.ok()) << read.error().message;
        EXPECT_EQ(found, expected) << tensor.name;
    }
}

TEST_P(LargeArchive, RefusesAnEntryWhoseHeaderIsElsewhere) {
    {
        std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(static_cast<std::streamoff>(kHole));
        file << "QK";  // the first entry's header, that of the pickle
    }
    const auto damaged = openTensorSource(path);
    ASSERT_FALSE(damaged.ok());
    EXPECT_NE(damaged.error().message.find("not where the zip directory says"), std::string::npos)
        << damaged.error().message;
}

INSTANTIATE_TEST_SUITE_P(Numbers, LargeArchive, testing::Bool(),
                         [](const auto& info) { return info.param ? "PlacesAndSizes" : "PlacesOnly"; });

}  // namespace
}  // namespace moescope
