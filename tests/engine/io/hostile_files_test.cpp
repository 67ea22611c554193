// SPDX-License-Identifier: GPL-3.0-or-later
// Every file of golden/pickle-hostile behaves as its manifest says.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/named_tensors.h"
#include "engine/io/tensor_source.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(MOESCOPE_TEST_DATA) / "golden/pickle-hostile";

struct HostileFile {
    std::string file, expect, reason, values;
};

std::vector<HostileFile> manifest() {
    const auto json = nlohmann::json::parse(std::ifstream(kFolder / "manifest.json"));
    std::vector<HostileFile> files;
    for (const auto& entry : json.at("files"))
        files.push_back({entry.at("file"), entry.at("expect"), entry.at("reason"), entry.value("values", "")});
    return files;
}

void PrintTo(const HostileFile& file, std::ostream* out) {
    *out << file.file << ": " << file.reason;
}

bool anythingExecuted() {
    for (const fs::path& folder : {fs::current_path(), kFolder, fs::temp_directory_path()})
        for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied))
            if (entry.path().filename().string().find("PWNED_moescope") != std::string::npos) return true;
    return false;
}

/// Widens to what the file of values holds: the same type, or F32, or F64 for numbers that F32 can not hold.
std::vector<std::byte> convertedTo(DType wanted, const NamedTensors& loaded, const std::string& name) {
    const NamedTensor& tensor = loaded.tensors.at(name);
    if (tensor.dtype == wanted) return tensor.bytes;
    std::vector<std::byte> bytes;
    const auto copyOut = [&bytes](const auto& values) {
        bytes.resize(values.size() * sizeof(values[0]));
        std::memcpy(bytes.data(), values.data(), bytes.size());
    };
    if (wanted == DType::F32) {
        copyOut(loaded.asFloat(name)->data);
    } else if (wanted == DType::F64) {
        const auto whole = loaded.asInt64(name);
        copyOut(std::vector<double>(whole->begin(), whole->end()));
    }
    return bytes;
}

class HostileFiles : public testing::TestWithParam<HostileFile> {};

TEST_P(HostileFiles, LoadOrAreRefusedAsTheManifestSays) {
    const HostileFile& file = GetParam();
    const auto loaded = readAllTensors(kFolder / file.file);
    EXPECT_FALSE(anythingExecuted());
    if (!loaded.ok()) {
        EXPECT_NE(file.expect, "load") << loaded.error().message;
        EXPECT_TRUE(loaded.error().code == ErrorCode::Format || loaded.error().code == ErrorCode::Unsupported ||
                    loaded.error().code == ErrorCode::NotFound)
            << loaded.error().message;
        EXPECT_NE(loaded.error().message.find(':'), std::string::npos);
        EXPECT_GT(loaded.error().message.size(), 30u) << loaded.error().message;
        return;
    }
    EXPECT_NE(file.expect, "refuse");
    if (file.values.empty()) return;
    const auto expected = readAllTensors(kFolder / file.values);
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    const size_t unlisted = file.file == "valid_nan.pt" ? 1 : 0;  // ema.ok has no expected values
    EXPECT_EQ(loaded->tensors.size(), expected->tensors.size() + unlisted);
    for (const auto& [name, tensor] : expected->tensors) {
        ASSERT_TRUE(loaded->contains(name)) << name;
        EXPECT_EQ(loaded->tensors.at(name).shape, tensor.shape) << name;
        EXPECT_EQ(convertedTo(tensor.dtype, *loaded, name), tensor.bytes) << name;
    }
}

std::string testName(const testing::TestParamInfo<HostileFile>& info) {
    std::string name = info.param.file;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Manifest, HostileFiles, testing::ValuesIn(manifest()), testName);

/// Which file's message or notes must say what. Messages are for people: the thing that is wrong is named.
TEST(HostileFilesMessages, NameWhatIsWrong) {
    const std::pair<const char*, const char*> cases[] = {
        {"exec_top_level.pt", "system"},
        {"exec_persistent_id.pt", "system"},
        {"bad_byteorder.pt", "middle"},
        {"complex.pt", "Complex"},
        {"zip_missing_storage.pt", "storage 1"},
        {"zip_no_pickle.pt", "data.pkl"},
        {"zip_crc_mismatch.pt", "checksum"},
        {"whole_module.pt", "torch.nn.modules.container.Sequential"},
        {"valid_no_tensors.pt", "no tensors"},
        {"nest_1m.pt", "no tensors"},
        {"tensor_negative_stride.pt", "strides [-1]"},
        {"unknown_dtype.safetensors", "Q4_K"},
        {"duplicate_keys.safetensors", "twice"},
        {"valid_only_metadata.safetensors", "no tensors"},
        {"sharded/bad_traversal.safetensors.index.json", "plain file name"},
        {"sharded/bad_missing_file.safetensors.index.json", "model-00003-of-00002.safetensors"},
        {"sharded/bad_missing_tensor.safetensors.index.json", "first.weight"},
        {"zip_empty_file.pt", "empty"},
        {"legacy_bad_magic.pt", "magic"},
    };
    for (const auto& [file, words] : cases) {
        const auto loaded = readAllTensors(kFolder / file);
        ASSERT_FALSE(loaded.ok()) << file;
        EXPECT_NE(loaded.error().message.find(words), std::string::npos) << loaded.error().message;
    }
}

TEST(HostileFilesMessages, NotesSayWhatWasLeftOutBesideTheWeights) {
    for (const auto& [file, words] :
         {std::pair{"exec_reduce_os_system.pt", "args (os.system)"},
          std::pair{"exec_inst_opcode.pt", "args (os.system)"},
          std::pair{"sparse_beside_weights.pt", "sparse (torch._utils._rebuild_sparse_tensor)"}}) {
        const auto source = openTensorSource(kFolder / file);
        ASSERT_TRUE(source.ok()) << source.error().message;
        ASSERT_EQ((*source)->notes().size(), 1u);
        EXPECT_NE((*source)->notes()[0].find(words), std::string::npos) << (*source)->notes()[0];
    }
}

TEST(HostileFilesMetadata, KeepsPlainValuesBesideTheWeights) {
    for (const char* file : {"valid_misc_objects_p2.pt", "valid_misc_objects_p4.pt", "valid_misc_objects_p5.pt"}) {
        const auto source = openTensorSource(kFolder / file);
        ASSERT_TRUE(source.ok()) << source.error().message;
        const nlohmann::json& metadata = (*source)->metadata();
        EXPECT_EQ(metadata.at("args").at("config"), "config/x.yaml");
        EXPECT_EQ(metadata.at("args").at("wandb"), false);
        EXPECT_EQ(metadata.at("args").at("resume_path"), nullptr);
        EXPECT_EQ(metadata.at("args").at("lr"), 1e-4);
        EXPECT_EQ(metadata.at("args").at("betas"), nlohmann::json({0.9, 0.999}));
        EXPECT_EQ(metadata.at("epoch"), 7);
        EXPECT_EQ(metadata.at("size"), nlohmann::json({2, 3}));
        EXPECT_EQ(metadata.at("dtype"), "torch.float16");
        EXPECT_EQ(metadata.at("set"), nlohmann::json({1, 2}));
        EXPECT_EQ(metadata.at("dd").at("a"), nlohmann::json({1}));
        EXPECT_EQ(metadata.at("none"), nullptr);
        EXPECT_EQ(metadata.at("text"), "grüße 模型");
        EXPECT_EQ(metadata.at("nested"), nlohmann::json::parse(R"([[{"k": [1, 2.5, true]}]])"));
        EXPECT_FALSE(metadata.contains("ema"));
        EXPECT_FALSE(metadata.contains("fn"));
    }
}

}  // namespace
}  // namespace moescope
