// SPDX-License-Identifier: GPL-3.0-or-later
// Writing safetensors and reading them back; the strictness of the reader is tested over golden/pickle-hostile as well.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "engine/io/mapped_file.h"
#include "engine/io/named_tensors.h"
#include "engine/io/open_tensor_source.h"
#include "engine/io/safetensors_header.h"
#include "engine/io/safetensors_writer.h"
#include "engine/io/tensor_source.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using namespace std::string_literals;

std::string withHeader(const std::string& json, size_t dataBytes = 16) {
    const uint64_t length = json.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + json + std::string(dataBytes, '\1');
}

std::string refusal(const std::string& file) {
    try {
        readSafetensorsHeader(std::as_bytes(std::span(file)), "x.safetensors");
    } catch (const EngineException& e) {
        return e.error().message;
    }
    return "";
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
    const test::TemporaryFolder folder;
    std::vector<float> a(6);
    std::iota(a.begin(), a.end(), 1.0f);
    const std::vector<int64_t> b{-1, 1ll << 60};
    const std::vector<uint8_t> c{7};
    const auto bytesOf = [](const auto& values) { return std::as_bytes(std::span(values)); };
    const std::vector<SafetensorsEntry> entries{safetensorsEntry("z.first", DType::F32, {2, 3}, bytesOf(a)),
                                                safetensorsEntry("scalar \"ü\"", DType::U8, {}, bytesOf(c)),
                                                safetensorsEntry("empty", DType::F16, {0, 4}, {}),
                                                safetensorsEntry("a.last", DType::I64, {2}, bytesOf(b))};
    const auto written =
        writeSafetensors(folder / "m.safetensors", entries, {{"format", "pt"}, {"json", "{\"a\": 1}"}});
    ASSERT_TRUE(written.ok()) << written.error().message;
    EXPECT_EQ(folder.names(), std::vector<std::string>{"m.safetensors"});

    const auto source = openTensorSource(folder / "m.safetensors");
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ((*source)->format(), "safetensors");
    EXPECT_EQ((*source)->metadata(), (nlohmann::json{{"format", "pt"}, {"json", "{\"a\": 1}"}}));
    EXPECT_EQ((*source)->files(), std::vector<std::filesystem::path>{folder / "m.safetensors"});
    std::vector<std::string> names;
    for (const TensorInfo& tensor : (*source)->tensors()) names.push_back(tensor.name);
    EXPECT_EQ(names, (std::vector<std::string>{"z.first", "scalar \"ü\"", "empty", "a.last"}))
        << "the order of the file";

    const auto all = readAllTensors(folder / "m.safetensors");
    EXPECT_EQ(all->asFloat("z.first")->data, a);
    EXPECT_EQ(all->asFloat("z.first")->shape, (Shape{2, 3}));
    EXPECT_EQ(*all->asInt64("a.last"), b);
    EXPECT_EQ(*all->asInt64("scalar \"ü\""), std::vector<int64_t>{7});
    EXPECT_EQ(all->asInt64("z.first").error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(all->asFloat("nothing").error().code, ErrorCode::NotFound);

    uint64_t headerLength = 0;
    std::memcpy(&headerLength, test::fileBytes(folder / "m.safetensors").data(), 8);
    EXPECT_EQ((8 + headerLength) % 64, 0u) << "data are aligned";
}

TEST(SafetensorsWriter, RefusesWhatCanNotBeWrittenAndLeavesNoFile) {
    const test::TemporaryFolder folder;
    const std::vector<std::byte> four(4);
    const auto attempt = [&](const std::vector<SafetensorsEntry>& entries) {
        return writeSafetensors(folder / "m.safetensors", entries, {}).error().message;
    };
    EXPECT_NE(attempt({safetensorsEntry("a", DType::F32, {2}, four)}).find("was to give 8 bytes and gave 4"),
              std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("a", DType::U8, {2}, four)}).find("was to give 2 bytes and gave 4"),
              std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("a", DType::F32, {1}, four), safetensorsEntry("a", DType::F32, {1}, four)})
                  .find("two tensors"),
              std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("a", DType::F32, {-1}, four)}).find("impossible shape [-1]"),
              std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("a", DType::F32, {1ll << 62, 2}, four)}).find("impossible shape"),
              std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("\xff", DType::F32, {1}, four)}).find("UTF-8"), std::string::npos);
    EXPECT_NE(attempt({safetensorsEntry("__metadata__", DType::F32, {1}, four)}).find("another name"),
              std::string::npos);
    EXPECT_TRUE(folder.names().empty());
}

TEST(SafetensorsHeader, PassesOverFieldsItDoesNotKnow) {
    const std::string file = withHeader(
        R"({"a":{"dtype":"F32","extra":{"b":[1,{"c":null}],"d":2},"shape":[4],"more":true,"data_offsets":[0,16]}})");
    EXPECT_EQ(refusal(file), "");
}

TEST(SafetensorsHeader, RefusesRepeatedFieldsAndDeepNesting) {
    EXPECT_NE(
        refusal(withHeader(R"({"a":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}})")).find("twice"),
        std::string::npos);
    EXPECT_NE(
        refusal(withHeader(
                    R"({"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"))
            .find("twice"),
        std::string::npos);
    EXPECT_NE(refusal(withHeader(R"({"a":{"x":)" + std::string(1000, '['))).find("deeply"), std::string::npos);
    EXPECT_NE(refusal(withHeader(R"({"a":{"dtype":"F32","shape":[[4]],"data_offsets":[0,16]}})")).find("a list"),
              std::string::npos);
    EXPECT_NE(refusal(withHeader(R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,16]}})")).find("a number"),
              std::string::npos);
    EXPECT_NE(refusal(withHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0]}})")).find("1 data offsets"),
              std::string::npos);
    EXPECT_NE(
        refusal(withHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}} x)")).find("not valid JSON"),
        std::string::npos);
}

TEST(SafetensorsSource, ReadsMemoryThatIsNoFile) {
    const std::string file = withHeader(R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}})");
    const auto source = openTensorSource(MappedFile::borrow(std::as_bytes(std::span(file)), "memory"));
    ASSERT_TRUE(source.ok()) << source.error().message;
    std::vector<float> values(16);
    ASSERT_TRUE((*source)->readFloat((*source)->tensors()[0], values).ok());
    EXPECT_EQ(values, std::vector<float>(16, 1.0f));
    EXPECT_FALSE((*source)->readFloat((*source)->tensors()[0], std::span(values).first(15)).ok());
}

TEST(MappedFile, SaysWhyAPathCanNotBeMapped) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "empty", "");
    EXPECT_EQ(MappedFile::open(folder / "nothing").error().code, ErrorCode::NotFound);
    EXPECT_NE(MappedFile::open(folder / "empty").error().message.find("empty (0 bytes)"), std::string::npos);
    EXPECT_NE(MappedFile::open(folder.path()).error().message.find("found a folder"), std::string::npos);
    EXPECT_NE(MappedFile::open("/dev/null").error().message.find("regular file"), std::string::npos);
}

TEST(MappedFile, ValuesSurviveTheReleaseOfTheirPages) {
    const test::TemporaryFolder folder;
    std::vector<std::byte> bytes(50'000);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 >> 3);
    test::writeFile(folder / "f", bytes);
    const auto file = MappedFile::open(folder / "f");
    ASSERT_TRUE(file.ok());
    (*file)->advise(0, UINT64_MAX, AccessHint::WillNeed);
    for (const auto& [offset, length] :
         {std::pair<uint64_t, uint64_t>{0, 50'000}, {5000, 1}, {49'999, UINT64_MAX}, {60'000, 1}, {4096, 0}})
        (*file)->releasePages(offset, length);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), (*file)->bytes().begin(), (*file)->bytes().end()));
}

TEST(ShardedSource, TellsItsFilesAndMetadata) {
    const std::filesystem::path folder = std::filesystem::path(MOESCOPE_TEST_DATA) / "golden/pickle-hostile/sharded";
    const auto source = openTensorSource(folder / "model.safetensors.index.json");
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ((*source)->format(), "safetensors (2 files)");
    EXPECT_EQ((*source)->files().size(), 3u);
    EXPECT_EQ((*source)->files()[0].filename(), "model.safetensors.index.json");
    EXPECT_EQ((*source)->metadata().at("total_size"), 44);
}

}  // namespace
}  // namespace moescope
