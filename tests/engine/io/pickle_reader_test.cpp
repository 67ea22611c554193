// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/io/pickle_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/core/error.h"
#include "engine/io/torch_contents.h"

namespace moescope {
namespace {

using namespace std::string_literals;

Pickle readText(const std::string& text) {
    return readPickle(std::as_bytes(std::span(text)));
}

/// A pickle together with the bytes that its texts lie in.
struct Read {
    explicit Read(std::string bytes) : text(std::move(bytes)), pickle(readText(text)), graph(pickle.graph) {}
    Read(const Read&) = delete;

    std::string text;
    Pickle pickle;
    const PickleGraph& graph;
};

std::string refusal(const std::string& text) {
    try {
        readText(text);
    } catch (const EngineException& e) {
        return e.error().message;
    }
    return "";
}

/// Pickle of a tensor of `shape` (a tuple's opcodes) over storage "0" of 12 floats.
std::string tensor(const std::string& shapeAndStrides = "K\x04K\x03\x86K\x03K\x01\x86") {
    return "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"s +
           "0X\x03\0\0\0cpuK\x0ctQK\0"s + shapeAndStrides + "\x89}tR";
}

TEST(PickleReader, KeepsIntegersOfAllWidths) {
    const Read read(
        "\x80\x02(K\xffM\xff\xffJ\xff\xff\xff\xff\x8a\x01\x80\x8a\x00\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
        "I-12\nL34L\nt."s);
    const auto items = read.graph.items(read.pickle.root, 99);
    std::vector<int64_t> values;
    for (const PickleId item : items) values.push_back(read.graph.integer(item).value());
    EXPECT_EQ(values, (std::vector<int64_t>{255, 65535, -1, -128, 0, INT64_MAX, -12, 34}));
}

TEST(PickleReader, KeepsIntegersBeyond64BitsAsBytes) {
    const Read read("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."s);
    EXPECT_EQ(read.graph.kind(read.pickle.root), PickleKind::Big);
    EXPECT_EQ(read.graph.text(read.pickle.root).size(), 9u);
}

TEST(PickleReader, ReadsDoublesBigEndian) {
    const Read read("G\x3f\xf8\x00\x00\x00\x00\x00\x00."s);
    EXPECT_EQ(read.graph.real(read.pickle.root), 1.5);
}

TEST(PickleReader, CallsBecomeData) {
    const Read read("cos\nsystem\nX\x04\0\0\0true\x85R."s);
    EXPECT_EQ(read.graph.kind(read.pickle.root), PickleKind::Object);
    EXPECT_EQ(pickleTypeName(read.graph, read.pickle.root), "os.system");
}

TEST(PickleReader, SharesObjectsByTheirMemo) {
    const Read read("]\x94(h\x00h\x00t."s);
    const auto items = read.graph.items(read.pickle.root, 9);
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0], items[1]);
}

TEST(PickleReader, EndsBehindStop) {
    EXPECT_EQ(Read("N.garbage"s).pickle.length, 2u);
}

TEST(PickleReader, SaysAtWhichByteItIsDamaged) {
    EXPECT_NE(refusal("\x80\x02(K\x01"s).find("ends without STOP"), std::string::npos);
    EXPECT_NE(refusal("\x80\x02X\xff\xff\xff\xff"s).find("byte 2"), std::string::npos);
    EXPECT_NE(refusal("t."s).find("mark is missing"), std::string::npos);
    EXPECT_NE(refusal("K\x01K\x02"
                      "a."s)
                  .find("no container"),
              std::string::npos);
    EXPECT_NE(refusal("K\x01(a."s).find("value is missing"), std::string::npos);  // the mark fences what lies below it
    EXPECT_NE(refusal("}K\x01K\x02K\x03(u."s), "") << "an integer below the mark is no dictionary";
    EXPECT_NE(refusal("(K\x01"
                      "d."s)
                  .find("key has no value"),
              std::string::npos);
}

TEST(PickleReader, StopsAtFixedLimits) {
    std::string lists(3'000'000, ']');
    EXPECT_NE(refusal(lists + '.').find("2.5 million"), std::string::npos);
    std::string marks(3'000'000, '(');
    EXPECT_NE(refusal(marks + '.').find("without bound"), std::string::npos);
    std::string memos = "N";
    for (uint32_t i = 0; i < 400'000; ++i) {
        const uint32_t slot = 0x80000000u + i * 7919u;
        memos += 'r';
        memos.append(reinterpret_cast<const char*>(&slot), 4);
    }
    EXPECT_NE(refusal(memos + '.').find("memo"), std::string::npos);
}

TEST(TorchContents, NamesSharedDictionariesUnderEachOfTheirPaths) {
    const std::string text = "}X\x01\0\0\0a}X\x01\0\0\0w"s + tensor() + "s\x94sX\x01\0\0\0bh\0s."s;
    const Read read(text);
    const TorchContents contents = readTorchContents(read.pickle);
    ASSERT_EQ(contents.tensors.size(), 2u);
    EXPECT_EQ(contents.tensors[0].name, "a.w");
    EXPECT_EQ(contents.tensors[1].name, "b.w");
}

TEST(TorchContents, LastValueOfARepeatedKeyCounts) {
    const std::string text =
        "}X\x01\0\0\0w"s + tensor("K\x02\x85K\x01\x85") + "sX\x01\0\0\0w"s + tensor("K\x05\x85K\x01\x85") + "s.";
    const Read read(text);
    const TorchContents contents = readTorchContents(read.pickle);
    ASSERT_EQ(contents.tensors.size(), 1u);
    EXPECT_EQ(contents.tensors[0].tensor.view.shape, Shape{5});
    EXPECT_EQ(contents.notes.size(), 1u);
}

TEST(TorchContents, CutsCyclesThatHoldTensors) {
    const std::string text = "}\x94X\x04\0\0\0selfh\0sX\x01\0\0\0w"s + tensor() + "s.";
    const Read read(text);
    const TorchContents contents = readTorchContents(read.pickle);
    ASSERT_EQ(contents.tensors.size(), 1u);
    EXPECT_EQ(contents.tensors[0].name, "w");
}

TEST(TorchContents, RefusesABombOfSharedTensors) {
    // 24 lists, each holding the one before ten times; a tensor at the bottom: 10^24 names.
    std::string text = "]" + tensor() + "a\x94";
    for (char level = 0; level < 24; ++level) {
        text += "](";
        for (int i = 0; i < 10; ++i) text += {'h', level};
        text += "e\x94";
    }
    text += '.';
    const Read read(text);
    EXPECT_THROW(readTorchContents(read.pickle), EngineException);
}

TEST(TorchContents, LooksAtAStateSharedByManyObjectsOnce) {
    // 200,000 objects with one dictionary of 200,000 entries as their common state: 4e10 steps when walked for each.
    std::string text = "}\x94(";
    for (int i = 0; i < 200'000; ++i) text += "NK\x01";
    text += "u0]\x94X\x01\0\0\0w"s;
    text +=
        "0cx\ny\n\x94"
        "0(";  // memo 2: an unknown class
    for (int i = 0; i < 200'000; ++i)
        text +=
            "h\x02)\x81h\x00"
            "b"s;
    text += "l" + tensor() + "a.";
    const Read read(text);
    const TorchContents contents = readTorchContents(read.pickle);
    ASSERT_EQ(contents.tensors.size(), 1u);
    EXPECT_EQ(contents.tensors[0].name, "200000");
}

TEST(TorchContents, ReadsValuesOutOfOmegaconfNodes) {
    const std::string node = "comegaconf.nodes\nAnyNode\n)\x81}X\x04\0\0\0_valK\x07sb"s;
    const std::string config =
        "comegaconf.dictconfig\nDictConfig\n)\x81}X\x08\0\0\0_content}X\x05\0\0\0depth"s + node + "ssb";
    const std::string text = "}X\x04\0\0\0args"s + config + "sX\x01\0\0\0w"s + tensor() + "s.";
    const Read read(text);
    EXPECT_EQ(readTorchContents(read.pickle).metadata, nlohmann::json::parse(R"({"args": {"depth": 7}})"));
}

TEST(TorchContents, LeavesOutLazilyNegatedTensors) {
    const std::string negated =
        "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"s +
        "0X\x03\0\0\0cpuK\x0ctQK\0K\x04\x85K\x01\x85\x89}}X\x03\0\0\0neg\x88stR"s;
    const std::string text = "}X\x01\0\0\0n"s + negated + "sX\x01\0\0\0w"s + tensor() + "s.";
    const Read read(text);
    const TorchContents contents = readTorchContents(read.pickle);
    ASSERT_EQ(contents.tensors.size(), 1u);
    ASSERT_EQ(contents.notes.size(), 1u);
    EXPECT_NE(contents.notes[0].find("negated"), std::string::npos);
}

}  // namespace
}  // namespace moescope
