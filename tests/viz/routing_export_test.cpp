// SPDX-License-Identifier: GPL-3.0-or-later
#include "viz/export/routing_export.h"

#include <gtest/gtest.h>
#include <minizip/unzip.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/sample_run.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

class RoutingExport : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "moescope-export-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        m_folder = pattern;
    }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(m_folder, ignored);
    }
    std::string textOf(const fs::path& path) const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::vector<std::string> linesOf(const fs::path& path) const {
        std::ifstream in(path);
        std::vector<std::string> lines;
        for (std::string line; std::getline(in, line);) lines.push_back(line);
        return lines;
    }

    RunRecord run = test::sampleRun();
    fs::path m_folder;
};

/// Every member of an archive, checksums tested.
std::map<std::string, std::string> unzip(const fs::path& path) {
    std::map<std::string, std::string> members;
    const unzFile zip = unzOpen64(path.c_str());
    if (!zip) return members;
    for (int at = unzGoToFirstFile(zip); at == UNZ_OK; at = unzGoToNextFile(zip)) {
        char name[256];
        unz_file_info64 info;
        EXPECT_EQ(unzGetCurrentFileInfo64(zip, &info, name, sizeof(name), nullptr, 0, nullptr, 0), UNZ_OK);
        std::string content(info.uncompressed_size, '\0');
        EXPECT_EQ(unzOpenCurrentFile(zip), UNZ_OK);
        EXPECT_EQ(unzReadCurrentFile(zip, content.data(), static_cast<unsigned>(content.size())),
                  static_cast<int>(content.size()));
        EXPECT_EQ(unzCloseCurrentFile(zip), UNZ_OK) << "checksum of " << name;
        members[name] = std::move(content);
    }
    unzClose(zip);
    return members;
}

/// Values of a .npy member after its head.
template <class T>
std::vector<T> values(const std::string& npy) {
    const size_t head = 10 + static_cast<unsigned char>(npy[8]) + 256 * static_cast<unsigned char>(npy[9]);
    EXPECT_EQ(head % 64, 0u);
    std::vector<T> result((npy.size() - head) / sizeof(T));
    std::memcpy(result.data(), npy.data() + head, result.size() * sizeof(T));
    return result;
}

TEST_F(RoutingExport, CsvHasOneRowPerPairOfTokenAndExpert) {
    const fs::path path = m_folder / "routing.csv";
    ASSERT_TRUE(exportRouting(run, path).ok());
    const auto lines = linesOf(path);
    // Five (evaluation, branch) places with 8 + 12 + 4 pairs each.
    ASSERT_EQ(lines.size(), 1u + 5 * 24);
    EXPECT_EQ(lines[0],
              "evaluation,step,stage,timestep,branch,network,block,moe_index,image,token,kind,row,col,expert,gate");
    EXPECT_EQ(lines[1], "0,0,0,0,cond,0,1,0,0,0,image,0,0,0,0.5");
    EXPECT_EQ(lines[8], "0,0,0,0,cond,0,1,0,1,3,image,1,1,1,0.875");
    EXPECT_EQ(lines[9], "0,0,0,0,cond,0,3,1,0,0,class,,,2,0.25");
    EXPECT_EQ(lines[10], "0,0,0,0,cond,0,3,1,0,1,image,0,0,0,0.5");
    EXPECT_EQ(lines.back(), "2,1,0,0.5,cond,0,5,2,0,3,image,1,1,1,1");
    EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                            [](const std::string& line) { return line.find(",uncond,") != std::string::npos; }),
              2 * 24);
}

TEST_F(RoutingExport, CsvOfARunWithCountsOnlySaysWhatToDo) {
    for (auto& record : run.routing.records) {
        auto counts = std::make_shared<RoutingRecord>(*record);
        counts->rowPtr.clear();
        counts->expert.clear();
        counts->gate.clear();
        record = counts;
    }
    const Status status = exportRouting(run, m_folder / "routing.csv");
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message.find("kept only the counts"), std::string::npos);
    EXPECT_TRUE(fs::is_empty(m_folder));
    EXPECT_TRUE(exportRouting(run, m_folder / "routing.json").ok());
    EXPECT_TRUE(exportRouting(run, m_folder / "routing.npz").ok());
}

TEST_F(RoutingExport, JsonHasDescriptorsCountsAndAggregates) {
    const fs::path path = m_folder / "routing.json";
    ASSERT_TRUE(exportRouting(run, path).ok());
    const auto json = nlohmann::json::parse(textOf(path));
    EXPECT_EQ(json["schema"], "moescope.routing/v1");
    EXPECT_EQ(json["layers"][1]["policy"], "expert-choice");
    EXPECT_EQ(json["layers"][1]["token_groups"][0]["kind"], "class");
    EXPECT_EQ(json["evaluations"].size(), 3u);
    EXPECT_EQ(json["records"].size(), 15u);
    EXPECT_EQ(json["records"][0]["counts"], nlohmann::json({3, 3, 2}));
    EXPECT_EQ(json["records"][2]["pool"], 0);
    EXPECT_EQ(json["aggregates"]["cond"][0]["load"], nlohmann::json({8.0, 8.0, 8.0}));
    EXPECT_EQ(json["aggregates"]["uncond"][0]["load"], nlohmann::json({16.0, 0.0, 0.0}));
    EXPECT_EQ(json["aggregates"]["uncond"][0]["unused"], 2);
    EXPECT_EQ(json["aggregates"]["cond"][2]["max_over_mean"], 3.0);
}

TEST_F(RoutingExport, NpzHoldsEveryRecordAndWhereItStarts) {
    const fs::path path = m_folder / "routing.npz";
    ASSERT_TRUE(exportRouting(run, path).ok());
    auto members = unzip(path);
    ASSERT_EQ(members.size(), 39u);
    EXPECT_NE(members["row_ptr.npy"].find("'descr': '<u4', 'fortran_order': False, 'shape': (145,), }"),
              std::string::npos);
    const auto rowPtr = values<uint32_t>(members["row_ptr.npy"]);
    const auto expert = values<uint16_t>(members["expert.npy"]);
    const auto gate = values<float>(members["gate.npy"]);
    const auto rowStarts = values<int64_t>(members["record_row_ptr_start.npy"]);
    const auto pairStarts = values<int64_t>(members["record_pairs_start.npy"]);
    const auto scoreStarts = values<int64_t>(members["record_scores_start.npy"]);
    ASSERT_EQ(rowStarts.size(), 15u);
    for (size_t i = 0; i < 15; ++i) {
        const RoutingRecord& record = *run.routing.records[i];
        for (size_t t = 0; t < record.rowPtr.size(); ++t)
            EXPECT_EQ(rowPtr[static_cast<size_t>(rowStarts[i]) + t], record.rowPtr[t]);
        for (size_t p = 0; p < record.expert.size(); ++p) {
            EXPECT_EQ(expert[static_cast<size_t>(pairStarts[i]) + p], record.expert[p]);
            EXPECT_EQ(gate[static_cast<size_t>(pairStarts[i]) + p], record.gate[p]);
        }
        EXPECT_EQ(scoreStarts[i] >= 0, !record.scores.empty());
    }
    EXPECT_NE(members["load_cond.npy"].find("(3, 3, 3)"), std::string::npos);
    EXPECT_EQ(values<double>(members["load_cond.npy"])[2], 2);
    EXPECT_TRUE(std::isnan(values<double>(members["load_uncond.npy"])[2 * 9]));
    EXPECT_EQ(nlohmann::json::parse(members["descriptors.json"])["layers"].size(), 3u);
}

TEST_F(RoutingExport, GivesTheSameBytesForTheSameRun) {
    ASSERT_TRUE(exportRouting(run, m_folder / "a.npz").ok());
    ASSERT_TRUE(exportRouting(run, m_folder / "b.npz").ok());
    EXPECT_EQ(textOf(m_folder / "a.npz"), textOf(m_folder / "b.npz"));
}

TEST_F(RoutingExport, RefusesOtherNamesAndFoldersThatAreNotThere) {
    EXPECT_FALSE(exportRouting(run, m_folder / "routing.txt").ok());
    for (const char* name : {"routing.csv", "routing.json", "routing.npz"})
        EXPECT_FALSE(exportRouting(run, m_folder / "nowhere" / name).ok());
    EXPECT_TRUE(fs::is_empty(m_folder));
}

TEST_F(RoutingExport, ExportsARunOfADenseModelAsEmptyTables) {
    run.routing = {.images = 2};
    EXPECT_TRUE(exportRouting(run, m_folder / "routing.json").ok());
    EXPECT_TRUE(exportRouting(run, m_folder / "routing.npz").ok());
    EXPECT_FALSE(exportRouting(run, m_folder / "routing.csv").ok());
}

}  // namespace
}  // namespace moescope
