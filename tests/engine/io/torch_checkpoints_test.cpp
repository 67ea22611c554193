// SPDX-License-Identifier: GPL-3.0-or-later
// Training checkpoints in the published layouts: every member, every value, and the settings beside them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "engine/io/tensor_source.h"

namespace moescope {
namespace {

/// Written down from torch.load of the same files. `hash` combines, by exclusive or over all tensors of a member, the
/// 64-bit FNV-1a of "<name>\0<contiguous bytes>".
struct Member {
    const char *file, *member;
    size_t tensors;
    int64_t elements;
    uint64_t hash;
};

constexpr Member kMembers[] = {
    {"dsmoe-tiny/checkpoints/0000100.pt", "model", 101, 216720, 0x5c28e0305f84a815},
    {"dsmoe-tiny/checkpoints/0000100.pt", "ema", 101, 216720, 0xc4252bb484f0e05b},
    {"dsmoe-tiny/checkpoints/0000100.pt", "opt", 297, 433507, 0x43a9e85b116a1404},
    {"dsmoe-groups/checkpoints/0000100.pt", "model", 149, 125568, 0x316c2fee80a371b9},
    {"dsmoe-groups/checkpoints/0000100.pt", "ema", 149, 125568, 0x84afc54730b77a88},
    {"dsmoe-groups-noshared/checkpoints/0000100.pt", "model", 179, 120336, 0xb894124af2d2757a},
    {"dsmoe-groups-noshared/checkpoints/0000100.pt", "ema", 179, 120336, 0x058573ca0e36cf86},
    {"dsmoe-groups-zerofill/checkpoints/0000100.pt", "model", 101, 100464, 0xa6bfb94b78791a6a},
    {"dsmoe-groups-zerofill/checkpoints/0000100.pt", "ema", 101, 100464, 0x54f8c65d5c4f7763},
    {"jitmoe-tiny/checkpoint-last.pth", "model", 201, 160446, 0x2d6e9e5211ec726a},
    {"jitmoe-tiny/checkpoint-last.pth", "optimizer", 591, 316945, 0x0b1604a881a1bb90},
    {"jitmoe-tiny/checkpoint-last.pth", "model_ema1", 201, 160446, 0x0302ac7a8c1e42ef},
    {"jitmoe-tiny/checkpoint-last.pth", "model_ema2", 201, 160446, 0x6f0be472d710c16a},
    {"jit-tiny/checkpoint-last.pth", "model", 71, 92920, 0x53db2e7ce60b41b0},
    {"jit-tiny/checkpoint-last.pth", "optimizer", 210, 181814, 0x7dc7735b7b3ed034},
    {"jit-tiny/checkpoint-last.pth", "model_ema1", 71, 92920, 0x4f3cef95ea8a88a8},
    {"jit-tiny/checkpoint-last.pth", "model_ema2", 71, 92920, 0xeeb35ca4ffb60cc8},
};

std::shared_ptr<const TensorSource> open(const std::string& file) {
    const auto source = openTensorSource(std::filesystem::path(MOESCOPE_TEST_DATA) / "golden" / file);
    EXPECT_TRUE(source.ok()) << source.error().message;
    return source.ok() ? *source : nullptr;
}

uint64_t fnv1a(uint64_t hash, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
    return hash;
}

TEST(TorchCheckpoints, HoldTheNamesAndValuesThatTorchReads) {
    std::map<std::string, size_t> membersOfFile;
    for (const Member& member : kMembers) {
        const auto source = open(member.file);
        ASSERT_TRUE(source);
        EXPECT_EQ(source->format(), "torch zip");
        ++membersOfFile[member.file];
        size_t tensors = 0;
        int64_t elements = 0;
        uint64_t hash = 0;
        for (const TensorInfo& tensor : source->tensors()) {
            if (!tensor.name.starts_with(std::string(member.member) + '.')) continue;
            ++tensors;
            elements += tensor.elements();
            std::vector<std::byte> bytes(static_cast<size_t>(tensor.elements()) * dtypeSize(tensor.dtype));
            ASSERT_TRUE(source->readRaw(tensor, bytes).ok());
            const auto name = std::as_bytes(std::span(tensor.name.c_str(), tensor.name.size() + 1));
            hash ^= fnv1a(fnv1a(0xcbf29ce484222325, name), bytes);
            source->releasePages(tensor);
        }
        EXPECT_EQ(tensors, member.tensors) << member.file << ' ' << member.member;
        EXPECT_EQ(elements, member.elements) << member.file << ' ' << member.member;
        EXPECT_EQ(hash, member.hash) << member.file << ' ' << member.member;
    }
    for (const auto& [file, members] : membersOfFile) {  // no tensor outside the members that torch reads
        size_t expected = 0;
        for (const Member& member : kMembers)
            if (file == member.file) expected += member.tensors;
        EXPECT_EQ(open(file)->tensors().size(), expected) << file;
    }
}

TEST(TorchCheckpoints, NameOptimizerStateByItsPath) {
    const auto source = open("dsmoe-tiny/checkpoints/0000100.pt");
    ASSERT_TRUE(source);
    const TensorInfo* step = source->find("opt.state.0.step");
    ASSERT_TRUE(step);
    EXPECT_TRUE(step->shape.empty());
    float value = 0;
    ASSERT_TRUE(source->readFloat(*step, {&value, 1}).ok());
    EXPECT_EQ(value, 1.0f);
    EXPECT_TRUE(source->find("opt.state.0.exp_avg"));
    EXPECT_FALSE(source->find("opt.state.0"));
    EXPECT_EQ(source->metadata().at("opt").at("param_groups").at(0).at("params").at(2), 2);
}

TEST(TorchCheckpoints, TellTheTrainingArguments) {
    const auto dsmoe = open("dsmoe-groups/checkpoints/0000100.pt");
    ASSERT_TRUE(dsmoe);
    EXPECT_EQ(dsmoe->metadata().at("args"), nlohmann::json::parse(R"({"config": "config/g_shared.yaml", "wandb": false,
                                                                      "resume_path": null, "exp_name": "train_s_e16"})"));
    EXPECT_TRUE(dsmoe->notes().empty());
    const auto jit = open("jitmoe-tiny/checkpoint-last.pth");
    ASSERT_TRUE(jit);
    const nlohmann::json& args = jit->metadata().at("args");
    EXPECT_EQ(args.at("model"), "JiT-Tiny/4-E8");
    EXPECT_EQ(args.at("img_size"), 32);
    EXPECT_EQ(args.at("t_eps"), 0.05);
    EXPECT_EQ(args.at("pin_mem"), true);
    EXPECT_EQ(args.at("interval_min"), 0.1);
    EXPECT_EQ(args.size(), 48u);
    EXPECT_EQ(jit->metadata().at("epoch"), 40);
    EXPECT_FALSE(jit->metadata().contains("model_ema1"));
}

TEST(TorchCheckpoints, MakeATensorReadyUntilTheyAreStopped) {
    const auto source = open("dsmoe-tiny/checkpoints/0000100.pt");
    ASSERT_TRUE(source);
    std::stop_source stop;
    for (const TensorInfo& tensor : source->tensors()) EXPECT_TRUE(source->prepare(tensor, stop.get_token())) << tensor.name;
    stop.request_stop();
    for (const TensorInfo& tensor : source->tensors()) EXPECT_FALSE(source->prepare(tensor, stop.get_token())) << tensor.name;
}

TEST(TorchCheckpoints, TellDamageWhenReadingAfterMakingReady) {
    const auto good = open("dsmoe-tiny/checkpoints/0000100.pt");
    ASSERT_TRUE(good);
    const TensorInfo* tensor = good->find("ema.blocks.1.attn.qkv.weight");
    ASSERT_NE(tensor, nullptr);
    std::vector<std::byte> values(static_cast<size_t>(tensor->elements()) * dtypeSize(tensor->dtype));
    ASSERT_TRUE(good->readRaw(*tensor, values).ok());

    std::ifstream stream(good->files().front(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    const size_t at = bytes.find(std::string_view(reinterpret_cast<const char*>(values.data()), values.size()));
    ASSERT_NE(at, std::string::npos);
    bytes[at] ^= 1;
    const auto path = std::filesystem::temp_directory_path() / "moescope-damaged-storage.pt";
    std::ofstream(path, std::ios::binary) << bytes;
    const auto damaged = openTensorSource(path).orThrow();
    EXPECT_TRUE(damaged->prepare(*damaged->find(tensor->name), {}));
    const Status read = damaged->readRaw(*damaged->find(tensor->name), values);
    std::filesystem::remove(path);
    ASSERT_FALSE(read.ok());
    EXPECT_NE(read.error().message.find("checksum"), std::string::npos) << read.error().message;
}

}  // namespace
}  // namespace moescope
