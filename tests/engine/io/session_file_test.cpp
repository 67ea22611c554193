// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/io/session_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/io/safetensors_header.h"
#include "engine/io/session_format.h"
#include "engine/io/session_reader.h"
#include "tests/support/policy_runs.h"
#include "tests/support/sample_run.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

/// A folder that is gone after the test.
class SessionFile : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "moescope-session-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        m_folder = pattern;
    }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(m_folder, ignored);
    }
    fs::path path() const { return m_folder / "run.moescope"; }

    std::vector<char> bytesOfSample() {
        EXPECT_TRUE(saveSession(test::sampleRun(), path()).ok());
        std::ifstream in(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    fs::path m_folder;
};

std::shared_ptr<const MappedFile> borrow(const std::vector<char>& bytes) {
    return MappedFile::borrow(std::as_bytes(std::span(bytes)), "run.moescope");
}

/// The first thing that is wrong with these bytes, whether at opening or when everything is read; empty when nothing
/// is.
std::string problemOf(const std::vector<char>& bytes) {
    const auto reader = SessionReader::open(borrow(bytes));
    if (!reader) return reader.error().message;
    const auto run = (*reader)->readAll();
    return run ? "" : run.error().message;
}

/// The container taken apart, to be changed in one place and put together again.
struct Container {
    SafetensorsHeader header;
    std::map<std::string, std::vector<char>> data;

    explicit Container(const std::vector<char>& bytes)
        : header(readSafetensorsHeader(std::as_bytes(std::span(bytes)), "run.moescope")) {
        for (const SafetensorsRecord& record : header.records)
            data[record.name] = {bytes.begin() + static_cast<long>(record.begin),
                                 bytes.begin() + static_cast<long>(record.end)};
    }
    template <class T>
    void set(const std::string& tensor, size_t element, T value) {
        std::memcpy(data.at(tensor).data() + element * sizeof(T), &value, sizeof(T));
    }
    nlohmann::json manifest() const { return nlohmann::json::parse(header.metadata.at("manifest")); }
    void setManifest(const nlohmann::json& manifest) { header.metadata["manifest"] = manifest.dump(); }

    std::vector<char> bytes() const {
        nlohmann::ordered_json json{{"__metadata__", header.metadata}};
        std::string body;
        for (const SafetensorsRecord& record : header.records) {
            const auto& piece = data.at(record.name);
            json[record.name] = {{"dtype", dtypeName(record.dtype)},
                                 {"shape", record.shape},
                                 {"data_offsets", {body.size(), body.size() + piece.size()}}};
            body.append(piece.begin(), piece.end());
        }
        const std::string text = json.dump();
        const uint64_t length = text.size();
        const std::string whole = std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text + body;
        return {whole.begin(), whole.end()};
    }
};

void expectSameRecord(const RoutingRecord& a, const RoutingRecord& b) {
    EXPECT_EQ(a.evaluation, b.evaluation);
    EXPECT_EQ(a.branch, b.branch);
    EXPECT_EQ(a.network, b.network);
    EXPECT_EQ(a.layer, b.layer);
    EXPECT_EQ(a.pool, b.pool);
    EXPECT_EQ(a.counts, b.counts);
    EXPECT_EQ(a.mass, b.mass);
    EXPECT_EQ(a.rowPtr, b.rowPtr);
    EXPECT_EQ(a.expert, b.expert);
    EXPECT_EQ(a.gate, b.gate);
    EXPECT_EQ(a.scores, b.scores);
    EXPECT_EQ(a.inputNorm, b.inputNorm);
    EXPECT_EQ(a.routedNorm, b.routedNorm);
    EXPECT_EQ(a.sharedNorm, b.sharedNorm);
}

TEST_F(SessionFile, GivesBackEveryPartOfTheRun) {
    const RunRecord saved = test::sampleRun();
    ASSERT_TRUE(saveSession(saved, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const RunRecord& run = **opened;
    EXPECT_EQ(toJson(run.parameters), toJson(saved.parameters));
    EXPECT_EQ(run.classIds, saved.classIds);
    EXPECT_EQ(run.images, 2);
    EXPECT_EQ(run.latentShape, saved.latentShape);
    EXPECT_EQ(run.precision, saved.precision);
    EXPECT_TRUE(run.complete);
    ASSERT_EQ(run.evaluations.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
        const EvaluationRecord &a = run.evaluations[i], &b = saved.evaluations[i];
        EXPECT_EQ(a.info.index, b.info.index);
        EXPECT_EQ(a.info.step, b.info.step);
        EXPECT_EQ(a.info.stage, b.info.stage);
        EXPECT_EQ(a.info.timestep, b.info.timestep);
        EXPECT_EQ(a.info.noiseLevel, b.info.noiseLevel);
        EXPECT_EQ(a.info.cfgScale, b.info.cfgScale);
        EXPECT_EQ(a.info.uncondRun, b.info.uncondRun);
        EXPECT_EQ(a.noisy, b.noisy);
        EXPECT_EQ(a.velocity, b.velocity);
        EXPECT_EQ(a.preview, b.preview);
    }
    EXPECT_EQ(run.finalLatents.shape, saved.finalLatents.shape);
    EXPECT_EQ(run.finalLatents.data, saved.finalLatents.data);
    EXPECT_EQ(run.pictures, saved.pictures);
    EXPECT_EQ(run.routing.networks, saved.routing.networks);
    ASSERT_EQ(run.routing.layers.size(), 3u);
    EXPECT_EQ(run.routing.layers[1].policy, RoutingPolicy::ExpertChoice);
    EXPECT_EQ(run.routing.layers[1].capacity, 2);
    EXPECT_EQ(run.routing.layers[1].tokensPerSample(), 5);
    EXPECT_EQ(run.routing.layers[1].tokenGroups[0].kind, TokenKind::ClassLabel);
    EXPECT_TRUE(run.routing.layers[0].sharedExpert);
    ASSERT_EQ(run.routing.records.size(), saved.routing.records.size());
    for (size_t i = 0; i < run.routing.records.size(); ++i)
        expectSameRecord(*run.routing.records[i], *saved.routing.records[i]);
}

TEST_F(SessionFile, KeepsTheWordsOfPrompts) {
    const RunRecord saved = test::samplePromptRun();
    ASSERT_TRUE(saveSession(saved, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ((*opened)->routing.text.prompts, saved.routing.text.prompts);
    EXPECT_TRUE((*opened)->routing.text.of(Branch::Uncond, 0).empty());
    RunRecord wrong = test::samplePromptRun();
    wrong.routing.text.prompts.pop_back();
    ASSERT_TRUE(saveSession(wrong, path()).ok());
    EXPECT_NE(openSession(path()).error().message.find("text_pieces are of 1 pictures, the run has 2"), std::string::npos);
}

TEST_F(SessionFile, HoldsFewTensorsHoweverManyRecords) {
    const Container container(bytesOfSample());
    EXPECT_EQ(container.header.records.size(), 16u);
    for (const SafetensorsRecord& record : container.header.records)
        EXPECT_EQ(record.begin % dtypeSize(record.dtype), 0u) << record.name << " cannot be used in place";
}

TEST_F(SessionFile, ReadsSingleRecordsAndEvaluationsInPlace) {
    const RunRecord saved = test::sampleRun();
    ASSERT_TRUE(saveSession(saved, path()).ok());
    const auto opened = SessionReader::open(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const SessionReader& reader = **opened;
    EXPECT_TRUE(reader.run().routing.records.empty());
    EXPECT_TRUE(reader.run().evaluations[1].noisy.empty());
    EXPECT_EQ(reader.writer(), "MoEscope " MOESCOPE_VERSION);
    const auto number = reader.find(1, Branch::Uncond, 2);
    ASSERT_TRUE(number.has_value());
    EXPECT_FALSE(reader.find(2, Branch::Uncond, 0).has_value());
    EXPECT_FALSE(reader.find(9, Branch::Cond, 0).has_value());
    const auto record = reader.record(*number);
    ASSERT_TRUE(record.ok());
    expectSameRecord(**record, *saved.routing.find(1, Branch::Uncond, 2));
    const auto load = reader.recordLoad(*number);
    ASSERT_TRUE(load.ok());
    EXPECT_EQ((*load)->counts, (*record)->counts);
    EXPECT_TRUE((*load)->rowPtr.empty());
    const auto evaluation = reader.evaluation(2);
    ASSERT_TRUE(evaluation.ok());
    EXPECT_EQ(evaluation->velocity, saved.evaluations[2].velocity);
    const auto preview = reader.preview(1, 1);
    ASSERT_TRUE(preview.ok());
    EXPECT_EQ(preview->rgb[0], 10 + 12);
    EXPECT_FALSE(reader.record(99).ok());
    EXPECT_FALSE(reader.evaluation(3).ok());
    EXPECT_FALSE(reader.preview(0, 2).ok());
}

TEST_F(SessionFile, SavesACancelledRunWithoutPicturesOrFinalLatents) {
    RunRecord run = test::sampleRun();
    run.complete = false;
    run.finalLatents = {};
    run.pictures.clear();
    ASSERT_TRUE(saveSession(run, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_FALSE((*opened)->complete);
    EXPECT_TRUE((*opened)->finalLatents.empty());
    EXPECT_TRUE((*opened)->pictures.empty());
}

TEST_F(SessionFile, KeepsWhichImageADecodedPictureBelongsTo) {
    RunRecord run = test::sampleRun();
    run.pictures[0] = {};
    ASSERT_TRUE(saveSession(run, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ((*opened)->pictures, run.pictures);
}

TEST_F(SessionFile, SavesCountsAloneAndTokensThatNobodyTook) {
    RunRecord run = test::sampleRun();
    const auto& trace = run.routing;
    auto counts = std::make_shared<RoutingRecord>(*run.routing.records[0]);
    counts->rowPtr.clear();
    counts->expert.clear();
    counts->gate.clear();
    const std::vector<std::vector<std::pair<int, float>>> nobodyServed(10);
    auto nobody = std::make_shared<RoutingRecord>(test::recordOf(trace, 0, Branch::Cond, 1, nobodyServed));
    run.routing.records = {counts, nobody};
    ASSERT_TRUE(saveSession(run, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    expectSameRecord(*(*opened)->routing.records[0], *counts);
    expectSameRecord(*(*opened)->routing.records[1], *nobody);
    EXPECT_FALSE((*SessionReader::open(path()))->records()[0].assignments);
    EXPECT_TRUE((*SessionReader::open(path()))->records()[1].assignments);
}

TEST_F(SessionFile, SavesARunOfADenseModel) {
    RunRecord run = test::sampleRun();
    run.routing = {.images = 2};
    ASSERT_TRUE(saveSession(run, path()).ok());
    const auto opened = openSession(path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_TRUE((*opened)->routing.records.empty());
}

TEST_F(SessionFile, NamesNoFolder) {
    RunRecord run = test::sampleRun();
    run.parameters.modelName = "/somewhere/private/model.pt";
    ASSERT_TRUE(saveSession(run, path()).ok());
    std::ifstream in(path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bytes.find("private"), std::string::npos);
    EXPECT_EQ(bytes.find(m_folder.string()), std::string::npos);
}

TEST_F(SessionFile, RefusesARunWhosePartsDoNotFit) {
    const auto refused = [&](auto change) {
        RunRecord run = test::sampleRun();
        change(run);
        return !saveSession(run, path()).ok() && fs::is_empty(m_folder);
    };
    EXPECT_TRUE(refused([](RunRecord& run) { run.evaluations[1].noisy.pop_back(); }));
    EXPECT_TRUE(refused([](RunRecord& run) { run.evaluations[1].preview.clear(); }));
    EXPECT_TRUE(refused([](RunRecord& run) { run.finalLatents.shape = {2, 1, 4}; }));
    EXPECT_TRUE(refused([](RunRecord& run) { run.pictures[1] = Picture{1, 1, {0, 0, 0}}; }));
    EXPECT_TRUE(refused([](RunRecord& run) { run.evaluations.pop_back(); }));
    EXPECT_TRUE(refused([](RunRecord& run) {
        auto record = std::make_shared<RoutingRecord>(*run.routing.records[0]);
        record->expert[0] = 3;
        run.routing.records[0] = record;
    }));
}

TEST_F(SessionFile, SaysWhenItWasWrittenByANewerProgram) {
    Container container(bytesOfSample());
    container.header.metadata["schema"] = "moescope.session/v2";
    const std::string problem = problemOf(container.bytes());
    EXPECT_NE(problem.find("run.moescope was written by a newer MoEscope (v2)"), std::string::npos) << problem;
    container.header.metadata["schema"] = "somebody.else/v1";
    EXPECT_NE(problemOf(container.bytes()).find("expected a MoEscope session"), std::string::npos);
    container.header.metadata.clear();
    EXPECT_NE(problemOf(container.bytes()).find("expected a MoEscope session"), std::string::npos);
}

TEST_F(SessionFile, RefusesEveryDamagedPartWithASentence) {
    const std::vector<char> whole = bytesOfSample();
    ASSERT_EQ(problemOf(whole), "");
    ASSERT_EQ(problemOf(Container(whole).bytes()), "") << "taking apart and joining must change nothing";
    struct Damage {
        const char* expected;
        std::function<void(Container&)> apply;
    };
    using session::IndexColumns, session::RecordColumns;
    const auto manifest = [](const char* pointer, nlohmann::json value) {
        return [=](Container& c) {
            auto json = c.manifest();
            json[nlohmann::json::json_pointer(pointer)] = value;
            c.setManifest(json);
        };
    };
    const std::vector<Damage> damages{
        {"expert 3 at token", [](Container& c) { c.set<uint16_t>("routing.expert", 0, 3); }},
        {"row_ptr", [](Container& c) { c.set<uint32_t>("routing.row_ptr", 1, 0xffffffff); }},
        {"row_ptr", [](Container& c) { c.set<uint32_t>("routing.row_ptr", 0, 1); }},
        {"received -1", [](Container& c) { c.set<int32_t>("routing.counts", 0, -1); }},
        {"evaluation 3", [](Container& c) { c.set<int32_t>("routing.records", session::ColumnEvaluation, 3); }},
        {"branch 2", [](Container& c) { c.set<int32_t>("routing.records", session::ColumnBranch, 2); }},
        {"network 1", [](Container& c) { c.set<int32_t>("routing.records", session::ColumnNetwork, 1); }},
        {"layer -1", [](Container& c) { c.set<int32_t>("routing.records", session::ColumnLayer, -1); }},
        {"twice",
         [](Container& c) { c.set<int32_t>("routing.records", 3 * RecordColumns + session::ColumnBranch, 0); }},
        {"routing.counts from", [](Container& c) { c.set<int64_t>("routing.index", session::IndexCounts, 1); }},
        {"routing.counts from", [](Container& c) { c.set<int64_t>("routing.index", session::IndexCounts, INT64_MIN); }},
        {"routing.expert", [](Container& c) { c.set<int64_t>("routing.index", session::IndexPairCount, INT64_MAX); }},
        {"routing.expert", [](Container& c) { c.set<int64_t>("routing.index", session::IndexPairCount, -1); }},
        {"without experts", [](Container& c) { c.set<int64_t>("routing.index", session::IndexRowPtr, -1); }},
        {"a grid of", manifest("/layers/0/token_groups/0/height", 3)},
        {"experts of layer 0", manifest("/layers/0/experts", 1e300)},
        {"experts of layer 0", manifest("/layers/0/experts", 70000)},
        {"elements", manifest("/layers/0/experts", 2)},
        {"means nothing", manifest("/layers/0/policy", "by lot")},
        {"network of layer 0", manifest("/layers/0/network", 1)},
        {"images", manifest("/images", -1)},
        {"images", manifest("/images", 18446744073709551615ull)},
        {"expected", manifest("/images", 3)},
        {"latent_shape", manifest("/latent_shape", {1, 2})},
        {"latents.noisy", manifest("/latent_dtype", "F32")},
        {"index of evaluation", manifest("/evaluations/1/index", 2)},
        {"timestep", manifest("/evaluations/1/timestep", "soon")},
        {"timestep", manifest("/evaluations/1/timestep", 1e300)},
        {"pictures", manifest("/picture_images", {0})},
        {"picture_images", manifest("/picture_images", {1, 0})},
        {"request", manifest("/request", 5)},
        {"not an object", [](Container& c) { c.setManifest(5); }},
        {"not valid JSON", [](Container& c) { c.header.metadata["manifest"] = "{"; }},
        {"too deeply", [](Container& c) { c.header.metadata["manifest"] = std::string(100000, '['); }},
        {"no manifest", [](Container& c) { c.header.metadata.erase("manifest"); }},
    };
    for (const Damage& damage : damages) {
        Container container(whole);
        damage.apply(container);
        const std::string problem = problemOf(container.bytes());
        EXPECT_NE(problem.find(damage.expected), std::string::npos)
            << "expected \"" << damage.expected << "\", said \"" << problem << '"';
        EXPECT_EQ(problem.find("run.moescope"), 0u) << problem;
    }
}

TEST_F(SessionFile, NeedsEveryTensorThatItsIndexNames) {
    const std::vector<char> whole = bytesOfSample();
    for (const char* name : {"routing.records", "routing.index", "routing.counts", "routing.mass", "routing.row_ptr",
                             "routing.expert", "routing.gate", "routing.scores", "routing.input_norm", "pictures"}) {
        Container container(whole);
        std::erase_if(container.header.records, [&](const SafetensorsRecord& record) { return record.name == name; });
        EXPECT_NE(problemOf(container.bytes()), "") << "opened without " << name;
    }
}

TEST_F(SessionFile, RefusesAFileCutAnywhere) {
    const std::vector<char> whole = bytesOfSample();
    for (size_t length = 1; length < whole.size(); length += 97)
        EXPECT_NE(problemOf({whole.begin(), whole.begin() + static_cast<long>(length)}), "") << "opened at " << length;
}

TEST_F(SessionFile, AnswersWithASentenceWhereThereIsNoFile) {
    const auto missing = openSession(m_folder / "none.moescope");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
    const Status unwritable = saveSession(test::sampleRun(), m_folder / "no folder" / "run.moescope");
    ASSERT_FALSE(unwritable.ok());
    EXPECT_FALSE(unwritable.error().message.empty());
}

}  // namespace
}  // namespace moescope
