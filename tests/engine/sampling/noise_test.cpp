// SPDX-License-Identifier: GPL-3.0-or-later
// Noise by seed and from files: batches, names, and files that do not fit.
#include "engine/sampling/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/io/npy_file.h"
#include "engine/io/safetensors_writer.h"
#include "engine/sampling/torch_cpu_rng.h"

namespace moescope {
namespace {

class NoiseFiles : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        m_folder = std::filesystem::path(testing::TempDir()) / (std::string("moescope_noise_") + test->name());
        std::filesystem::create_directories(m_folder);
    }
    void TearDown() override { std::filesystem::remove_all(m_folder); }

    std::filesystem::path save(const std::string& name, const std::string& bytes) const {
        std::ofstream(m_folder / name, std::ios::binary) << bytes;
        return m_folder / name;
    }

    std::filesystem::path m_folder;
};

template <class T>
std::string bytesOf(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy(const std::string& dictionary, const std::string& data, char version = 1) {
    std::string header = dictionary + "\n";
    std::string size{static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
    if (version == 2) size += std::string(2, '\0');
    return "\x93NUMPY" + std::string{version, '\0'} + size + header + data;
}

std::string npyF4(const std::string& shape, const std::vector<float>& values) {
    return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", bytesOf(values));
}

NoiseSpec fromFile(const std::filesystem::path& path) {
    return *parseNoiseSpec("", "", path);
}

TEST(Noise, OfAnImageInABatchIsThatOfTheImageAlone) {
    for (const std::string rng : {"torch-cpu", "torch-cuda", "torch-cuda:1,256"}) {
        const NoiseSpec spec = *parseNoiseSpec(rng, "per-image");
        const auto batch = makeNoise(spec, 41, 3, {3, 5, 7});
        ASSERT_TRUE(batch);
        EXPECT_EQ(batch->shape, (Shape{3, 3, 5, 7}));
        for (int64_t image = 0; image < 3; ++image) {
            const auto alone = makeNoise(spec, 41 + static_cast<uint64_t>(image), 1, {3, 5, 7});
            const auto start = batch->data.begin() + image * 105;
            EXPECT_EQ(alone->data, std::vector<float>(start, start + 105)) << rng << " image " << image;
        }
    }
}

TEST(Noise, OfAJointBatchIsOneDraw) {
    const auto joint = makeNoise(*parseNoiseSpec("torch-cpu", "joint"), 7, 2, {1, 3, 3});
    std::vector<float> one(18);
    TorchCpuGenerator(7).randn(one);
    EXPECT_EQ(joint->data, one);
    EXPECT_NE(joint->data, makeNoise({}, 7, 2, {1, 3, 3})->data);
}

TEST(Noise, NamesAreReadAndWritten) {
    EXPECT_EQ(*parseNoiseSpec("", ""), NoiseSpec());
    for (const std::string name : {"torch-cpu", "torch-cuda", "torch-cuda:28,1536"})
        EXPECT_EQ(rngText(*parseNoiseSpec(name, "")), name);
    EXPECT_EQ(noiseBatchText(*parseNoiseSpec("", "joint")), "joint");
    EXPECT_EQ(noiseBatchText(*parseNoiseSpec("", "per-image")), "per-image");
    const NoiseSpec file = *parseNoiseSpec("file", "", "n.npy");
    EXPECT_EQ(file.kind, NoiseSpec::Kind::File);
    EXPECT_EQ(rngText(file), "file");
}

TEST(Noise, NamesThatMeanNothingGetASentence) {
    for (const std::string name : {"cuda", "torch", "torch-cuda:", "torch-cuda:28", "torch-cuda:28,", "torch-cuda:28,x",
                                   "torch-cuda:0,1536", "torch-cuda:28,100", "torch-cuda:28,1536,1",
                                   "torch-cuda:-1,1536", "torch-cuda 28,1536", "file", "torch-cuda:99999999999,1536"}) {
        const auto spec = parseNoiseSpec(name, "");
        ASSERT_FALSE(spec) << name;
        EXPECT_EQ(spec.error().code, ErrorCode::InvalidArgument);
        EXPECT_NE(spec.error().message.find("torch-cuda"), std::string::npos);
    }
    EXPECT_FALSE(parseNoiseSpec("", "together"));
}

TEST(Noise, RefusesShapesThatAreNone) {
    EXPECT_FALSE(makeNoise({}, 0, 0, {3, 4, 4}));
    EXPECT_FALSE(makeNoise({}, 0, -1, {3, 4, 4}));
    EXPECT_FALSE(makeNoise({}, 0, 1, {3, 0, 4}));
    EXPECT_FALSE(makeNoise({}, 0, 1, {int64_t{1} << 40, int64_t{1} << 40}));
}

TEST_F(NoiseFiles, OfNumpyAreTakenPerBatchOrForEveryImage) {
    const std::vector<float> values{1, 2, 3, 4};
    const auto path = save("n.npy", npyF4("(1, 2, 2)", values));
    const auto one = makeNoise(fromFile(path), 0, 1, {1, 2, 2});
    ASSERT_TRUE(one) << one.error().message;
    EXPECT_EQ(one->shape, (Shape{1, 1, 2, 2}));
    EXPECT_EQ(one->data, values);
    const auto repeated = makeNoise(fromFile(path), 0, 2, {1, 2, 2});
    ASSERT_TRUE(repeated);
    EXPECT_EQ(repeated->data, (std::vector<float>{1, 2, 3, 4, 1, 2, 3, 4}));

    const auto batch = makeNoise(fromFile(save("b.npy", npyF4("(2, 1, 2)", values))), 0, 2, {1, 2});
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_EQ(batch->data, values);
}

TEST_F(NoiseFiles, OfAnotherShapeNameBoth) {
    const auto path = save("n.npy", npyF4("(4,)", {1, 2, 3, 4}));
    const auto noise = makeNoise(fromFile(path), 0, 1, {1, 2, 2});
    ASSERT_FALSE(noise);
    EXPECT_EQ(noise.error().code, ErrorCode::InvalidArgument);
    EXPECT_NE(noise.error().message.find("[4]"), std::string::npos) << noise.error().message;
    EXPECT_NE(noise.error().message.find("[1, 1, 2, 2]"), std::string::npos) << noise.error().message;
}

TEST_F(NoiseFiles, WithNumbersThatAreNoneNameThePlace) {
    for (const float bad : {std::nanf(""), HUGE_VALF}) {
        const auto noise = makeNoise(fromFile(save("n.npy", npyF4("(4,)", {1, 2, bad, 4}))), 0, 1, {4});
        ASSERT_FALSE(noise);
        EXPECT_EQ(noise.error().code, ErrorCode::Numeric);
        EXPECT_NE(noise.error().message.find("position 2"), std::string::npos) << noise.error().message;
    }
}

TEST_F(NoiseFiles, ThatAreMissingAreNamed) {
    for (const std::string name : {"none.npy", "none.safetensors"}) {
        const auto noise = makeNoise(fromFile(m_folder / name), 0, 1, {4});
        ASSERT_FALSE(noise);
        EXPECT_EQ(noise.error().code, ErrorCode::NotFound) << noise.error().message;
        EXPECT_NE(noise.error().message.find(name), std::string::npos) << noise.error().message;
    }
}

TEST_F(NoiseFiles, OfSafetensorsHoldTheTensorNoiseOrOnlyOne) {
    const std::vector<float> values{1, 2, 3, 4}, others{9};
    const auto entry = [](const char* name, Shape shape, const std::vector<float>& data) {
        return safetensorsEntry(name, DType::F32, std::move(shape), std::as_bytes(std::span(data)));
    };
    const auto path = m_folder / "n.safetensors";
    ASSERT_TRUE(writeSafetensors(path, {entry("other", {1}, others), entry("noise", {1, 4}, values)}, {}));
    auto noise = makeNoise(fromFile(path), 0, 1, {4});
    ASSERT_TRUE(noise) << noise.error().message;
    EXPECT_EQ(noise->data, values);

    ASSERT_TRUE(writeSafetensors(path, {entry("anything", {4}, values)}, {}));
    noise = makeNoise(fromFile(path), 0, 1, {4});
    ASSERT_TRUE(noise) << noise.error().message;
    EXPECT_EQ(noise->data, values);

    ASSERT_TRUE(writeSafetensors(path, {entry("a", {4}, values), entry("b", {1}, others)}, {}));
    noise = makeNoise(fromFile(path), 0, 1, {4});
    ASSERT_FALSE(noise);
    EXPECT_NE(noise.error().message.find("\"noise\""), std::string::npos) << noise.error().message;

    const std::vector<int64_t> whole{1, 2, 3, 4};
    ASSERT_TRUE(
        writeSafetensors(path, {safetensorsEntry("noise", DType::I64, {4}, std::as_bytes(std::span(whole)))}, {}));
    noise = makeNoise(fromFile(path), 0, 1, {4});
    ASSERT_FALSE(noise);
    EXPECT_NE(noise.error().message.find("I64"), std::string::npos) << noise.error().message;
}

using NpyFile = NoiseFiles;

TEST_F(NpyFile, OfBothVersionsAndTypesAreRead) {
    const std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }";
    const auto two = readNpy(save("two.npy", npy(dictionary, bytesOf(std::vector<double>{0.5, -2}), 2)));
    ASSERT_TRUE(two) << two.error().message;
    EXPECT_EQ(two->shape, (Shape{2, 1}));
    EXPECT_EQ(two->data, (std::vector<float>{0.5F, -2.0F}));
    const auto scalar = readNpy(save("scalar.npy", npyF4("()", {3})));
    ASSERT_TRUE(scalar) << scalar.error().message;
    EXPECT_EQ(scalar->shape, Shape());
    const auto none = readNpy(save("none.npy", npyF4("(0, 4611686018427387904, 4)", {})));
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_TRUE(none->empty());
}

TEST_F(NpyFile, ThatAreDamagedOrForeignGetASentence) {
    const std::string good = npyF4("(2,)", {1, 2});
    ASSERT_TRUE(readNpy(save("good.npy", good)));
    for (size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(readNpy(save("cut.npy", good.substr(0, length)))) << length;
    EXPECT_FALSE(readNpy(save("long.npy", good + "x")));
    const std::string data(8, '\0');
    for (const std::string dictionary :
         {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
          "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
          "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "{'descr': '<f4', 'shape': (2,), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
          "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "__import__('os')", ""}) {
        const auto tensor = readNpy(save("bad.npy", npy(dictionary, data)));
        ASSERT_FALSE(tensor) << dictionary;
        EXPECT_EQ(tensor.error().code, ErrorCode::Format);
        EXPECT_NE(tensor.error().message.find("bad.npy"), std::string::npos) << tensor.error().message;
    }
    EXPECT_TRUE(readNpy(save("ok.npy", npy("{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}", data))));
}

}  // namespace
}  // namespace moescope
