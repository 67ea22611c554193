// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/io/torch_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "engine/io/pickle_writer.h"
#include "engine/io/tensor_source.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

template <class T>
TorchTensor tensorOf(DType dtype, Shape shape, const std::vector<T>& values) {
    return {dtype, std::move(shape), [&values](const TorchTensor::Sink& sink) {
                // In two pieces, as a streamed tensor comes.
                const auto bytes = std::as_bytes(std::span(values));
                sink(bytes.first(bytes.size() / 2));
                sink(bytes.subspan(bytes.size() / 2));
                return Status();
            }};
}

TEST(TorchWriter, WritesWhatTheReaderReads) {
    const test::TemporaryFolder folder;
    std::vector<float> weights(6);
    std::iota(weights.begin(), weights.end(), -2.5f);
    const std::vector<uint16_t> halves{0x3c00, 0xc000, 0x7bff}, rounded{0x3f80, 0x4049};
    const std::vector<int64_t> counts{-5, int64_t{1} << 40};
    TorchDict model{{}, TorchDict::Kind::Ordered};
    model.add("net.a.weight", tensorOf(DType::F32, {2, 3}, weights));
    model.add("net.h", tensorOf(DType::F16, {3}, halves));
    TorchDict args{{}, TorchDict::Kind::Namespace};
    args.add("img_size", 32);
    args.add("name", "gr\xc3\xbcn");
    args.add("arch", TorchValue::fromJson({{"moe", {{"scale", 2.5}}}, {"none", nullptr}, {"list", {1, 2, true}}}));
    TorchDict root;
    root.add("model", model);
    root.add("step", tensorOf(DType::I64, {2}, counts));
    root.add("b", tensorOf(DType::BF16, {1, 2, 1}, rounded));
    root.add("empty", TorchTensor{DType::F32, {0, 4}, {}});
    root.add("epoch", int64_t{1} << 40);
    root.add("minus", -70000);
    root.add("rate", 1e-4);
    root.add("args", args);
    ASSERT_TRUE(writeTorchFile(folder / "out.pth", root).ok());
    EXPECT_EQ(folder.names(), std::vector<std::string>{"out.pth"});

    const auto source = openTensorSource(folder / "out.pth").orThrow();
    EXPECT_EQ(source->format(), "torch zip");
    EXPECT_TRUE(source->notes().empty());
    ASSERT_EQ(source->tensors().size(), 5u);
    const auto raw = [&](const char* name, DType dtype, const Shape& shape, const void* wanted) {
        const TensorInfo* tensor = source->find(name);
        ASSERT_NE(tensor, nullptr) << name;
        EXPECT_EQ(tensor->dtype, dtype);
        EXPECT_EQ(tensor->shape, shape);
        std::vector<std::byte> bytes(static_cast<size_t>(tensor->elements()) * dtypeSize(dtype));
        ASSERT_TRUE(source->readRaw(*tensor, bytes).ok());
        EXPECT_TRUE(bytes.empty() || std::memcmp(bytes.data(), wanted, bytes.size()) == 0) << name;
    };
    raw("model.net.a.weight", DType::F32, {2, 3}, weights.data());
    raw("model.net.h", DType::F16, {3}, halves.data());
    raw("step", DType::I64, {2}, counts.data());
    raw("b", DType::BF16, {1, 2, 1}, rounded.data());
    raw("empty", DType::F32, {0, 4}, weights.data());
    const nlohmann::json& plain = source->metadata();
    EXPECT_EQ(plain["epoch"], int64_t{1} << 40);
    EXPECT_EQ(plain["minus"], -70000);
    EXPECT_EQ(plain["rate"], 1e-4);
    EXPECT_EQ(plain["args"]["img_size"], 32);
    EXPECT_EQ(plain["args"]["name"], "gr\xc3\xbcn");
    EXPECT_EQ(plain["args"]["arch"]["moe"]["scale"], 2.5);
    EXPECT_EQ(plain["args"]["arch"]["list"][2], true);
}

TEST(TorchWriter, LaysEveryTensorAtAMultipleOf64) {
    const test::TemporaryFolder folder;
    TorchDict root;
    std::vector<std::vector<float>> kept;
    for (int i = 0; i < 130; ++i) kept.emplace_back(static_cast<size_t>(1 + i % 37), static_cast<float>(i) + 0.5f);
    for (int i = 0; i < 130; ++i)
        root.add("tensor" + std::string(static_cast<size_t>(i), 'x'),
                 tensorOf(DType::F32, {static_cast<int64_t>(kept[static_cast<size_t>(i)].size())},
                          kept[static_cast<size_t>(i)]));
    ASSERT_TRUE(writeTorchFile(folder / "out.pt", root).ok());
    const auto bytes = test::fileBytes(folder / "out.pt");
    for (const auto& values : kept) {
        const auto wanted = std::as_bytes(std::span(values));
        bool found = false;
        for (size_t at = 0; at + wanted.size() <= bytes.size() && !found; at += 64)
            found = std::memcmp(bytes.data() + at, wanted.data(), wanted.size()) == 0;
        EXPECT_TRUE(found) << values.front();
    }
}

TEST(TorchWriter, EqualValuesGiveEqualFiles) {
    const test::TemporaryFolder folder;
    const std::vector<float> values{1, 2, 3};
    TorchDict root;
    root.add("w", tensorOf(DType::F32, {3}, values));
    ASSERT_TRUE(writeTorchFile(folder / "a.pt", root).ok());
    ASSERT_TRUE(writeTorchFile(folder / "b.pt", root).ok());
    EXPECT_EQ(test::fileBytes(folder / "a.pt"), test::fileBytes(folder / "b.pt"));
}

TEST(TorchWriter, LeavesNoFileWhereATensorFails) {
    const test::TemporaryFolder folder;
    const std::vector<float> values{1, 2, 3};
    const auto fails = [&](TorchTensor tensor, const std::string& sentence) {
        TorchDict root;
        root.add("first", tensorOf(DType::F32, {3}, values));
        root.add("second", std::move(tensor));
        const Status written = writeTorchFile(folder / "out.pt", root);
        ASSERT_FALSE(written.ok()) << sentence;
        EXPECT_NE(written.error().message.find(sentence), std::string::npos) << written.error().message;
        EXPECT_TRUE(folder.names().empty());
    };
    fails(tensorOf(DType::F32, {4}, values), "lacks 4 bytes");
    fails(tensorOf(DType::F32, {2}, values), "bytes more than announced");
    fails(tensorOf(DType::F32, {-1}, values), "can not have the shape");
    fails(tensorOf(DType::F8E4M3, {3}, values), "can not hold tensors of type");
    fails({DType::F32,
           {3},
           [](const TorchTensor::Sink&) { return Status(ErrorCode::Cancelled, "somebody asked to stop"); }},
          "somebody asked to stop");
    EXPECT_EQ(writeTorchFile(folder / "no" / "out.pt", TorchDict{}).error().code, ErrorCode::Io);
}

/// In a child process whose files may hold 100,000 bytes, as on a disk with that much left.
void exitWithWriteToAFullDisk(const std::filesystem::path& folder) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    const std::vector<float> values(20'000);
    TorchDict root;
    for (const char* name : {"a", "b", "c"}) root.add(name, tensorOf(DType::F32, {20'000}, values));
    const Status written = writeTorchFile(folder / "model.pt", root);
    const bool right = !written.ok() && written.error().code == ErrorCode::NoSpace &&
                       written.error().message.find("model.pt could not be written") == 0;
    std::_Exit(right ? 0 : 1);
}

TEST(TorchWriter, SaysThatTheDiskIsFullAndLeavesNothing) {
    const test::TemporaryFolder folder;
    EXPECT_EXIT(exitWithWriteToAFullDisk(folder.path()), testing::ExitedWithCode(0), "");
    EXPECT_TRUE(folder.names().empty());
}

TEST(PickleWriter, NumbersTensorsInTheOrderOfTheirPlaces) {
    TorchDict inner;
    inner.add(3, TorchTensor{DType::F32, {2}, {}});
    TorchDict root;
    root.add("a", TorchTensor{DType::F32, {1}, {}});
    root.add("b", inner);
    const TorchValue value = root;
    const PickledValue pickled = pickle(value);
    ASSERT_EQ(pickled.tensors.size(), 2u);
    EXPECT_EQ(pickled.tensors[0]->shape, Shape{1});
    EXPECT_EQ(pickled.tensors[1]->shape, Shape{2});
    EXPECT_EQ(pickled.bytes.substr(0, 2), "\x80\x02");
    EXPECT_EQ(pickled.bytes.back(), '.');
}

}  // namespace
}  // namespace moescope
