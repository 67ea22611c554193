// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/data/picture_set.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/data/tar_writer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/toy_pictures.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;
using test::flatPicture;
using test::pngOf;
using test::writeFile;
using test::writePngFile;

const Picture8 kRed = flatPicture(3, 2, {200, 10, 10}), kBlue = flatPicture(2, 2, {10, 10, 200});

std::unique_ptr<PictureSet> open(const fs::path& path) {
    auto set = openPictureSet(path.string());
    if (!set) ADD_FAILURE() << set.error().message;
    return set ? std::move(set).value() : nullptr;
}

void expectRefusal(const fs::path& path, ErrorCode code, const std::string& part) {
    const auto set = openPictureSet(path.string());
    ASSERT_FALSE(set.ok());
    EXPECT_EQ(set.error().code, code) << set.error().message;
    EXPECT_NE(set.error().message.find(part), std::string::npos) << set.error().message;
}

TEST(PictureSet, TakesClassesFromSubfoldersAndCaptionsFromTexts) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "dogs/b.png", kBlue);
    writePngFile(folder / "cats/deep/a.PNG", kRed);
    writePngFile(folder / "cats/.hidden.png", kRed);
    writePngFile(folder / "loose.png", kRed);
    writeFile(folder / "dogs/b.txt", "a blue dog\r\n\n  a dog  \n");
    const auto set = open(folder.path());
    ASSERT_EQ(set->size(), 3);
    EXPECT_EQ(set->classNames(), (std::vector<std::string>{"cats", "dogs"}));
    EXPECT_EQ(set->item(0).key, "cats/deep/a.PNG");
    EXPECT_EQ(set->item(0).label, 0);
    EXPECT_EQ(set->item(1).label, 1);
    EXPECT_EQ(set->item(1).captions, (std::vector<std::string>{"a blue dog", "a dog"}));
    EXPECT_EQ(set->item(2).label, -1);
    EXPECT_EQ(*set->picture(0), kRed);
    EXPECT_EQ(*set->picture(1), kBlue);
    EXPECT_TRUE(set->remarks().empty());
}

TEST(PictureSet, TakesClassesAndCaptionsFromMetadata) {
    const test::TemporaryFolder folder;
    for (const char* name : {"p/1.png", "p/2.png", "p/3.png"}) writePngFile(folder / name, kRed);
    writeFile(folder / "metadata.jsonl",
              "{\"file_name\": \"p/2.png\", \"captions\": [\"two\", \"zwei\"], \"label\": \"pear\"}\n\n"
              "{\"file_name\": \"./p/1.png\", \"text\": \"one\", \"label\": \"apple\", \"other\": 1}\n"
              "{\"file_name\": \"p/9.png\", \"text\": \"nine\"}\n");
    const auto set = open(folder.path());
    EXPECT_EQ(set->classNames(), (std::vector<std::string>{"apple", "pear"}));
    EXPECT_EQ(set->item(0).label, 0);
    EXPECT_EQ(set->item(1).label, 1);
    EXPECT_EQ(set->item(2).label, -1);
    EXPECT_EQ(set->item(1).captions, (std::vector<std::string>{"two", "zwei"}));
    ASSERT_EQ(set->remarks().size(), 1u);
    EXPECT_NE(set->remarks()[0].find("p/9.png"), std::string::npos);
}

TEST(PictureSet, TakesNamesOfNumbersFromLabels) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "1.png", kRed);
    writeFile(folder / "metadata.jsonl", "{\"file_name\": \"1.png\", \"label\": 1}");
    EXPECT_EQ(open(folder.path())->classNames(), (std::vector<std::string>{"0", "1"}));
    writeFile(folder / "labels.json", R"([{"name": "apple"}, {"name": "pear"}, {"name": "plum"}])");
    const auto set = open(folder.path());
    EXPECT_EQ(set->classNames().size(), 3u);
    EXPECT_EQ(set->item(0).label, 1);
    writeFile(folder / "labels.json", R"([{"name": "apple"}])");
    expectRefusal(folder.path(), ErrorCode::Format, "labels.json names the classes 0 to 0");
}

TEST(PictureSet, HasNoClassesWhereNothingNamesOne) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "only.png", kBlue);
    const auto set = open(folder.path());
    EXPECT_EQ(set->size(), 1);
    EXPECT_TRUE(set->classNames().empty());
}

TEST(PictureSet, RefusesBadSetsInASentence) {
    const test::TemporaryFolder folder;
    expectRefusal(folder / "nowhere", ErrorCode::NotFound, "there is no data set");
    expectRefusal(folder.path(), ErrorCode::NotFound, "holds no picture");
    writeFile(folder / "a.tar.gz", "x");
    expectRefusal(folder / "a.tar.gz", ErrorCode::Unsupported, "unpacked");
    writeFile(folder / "a.tar", "this is no tar archive, though its name says so");
    expectRefusal(folder / "a.tar", ErrorCode::Format, "it is no tar archive");
    fs::remove(folder / "a.tar");
    writePngFile(folder / "1.png", kRed);
    for (const auto& [line, part] : std::initializer_list<std::pair<const char*, const char*>>{
             {"{", "line 1 of metadata.jsonl is not JSON"},
             {"[1]", "line 1 of metadata.jsonl is [1]"},
             {"{\"text\": \"a\"}", "no text \"file_name\""},
             {"{\"file_name\": \"1.png\", \"text\": 3}", "\"text\" is 3"},
             {"{\"file_name\": \"1.png\", \"label\": -1}", "\"label\" is -1"}}) {
        writeFile(folder / "metadata.jsonl", std::string_view(line));
        expectRefusal(folder.path(), ErrorCode::Format, part);
    }
}

/// In a child process that owns nothing.
void exitWithUnreadableFolder(const fs::path& folder) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) std::_Exit(2);
    const auto set = openPictureSet(folder.string());
    std::_Exit(!set.ok() && set.error().code == ErrorCode::Io &&
                       set.error().message.find("can not be read") != std::string::npos
                   ? 0
                   : 1);
}

TEST(PictureSet, SaysThatAFolderCanNotBeRead) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "1.png", kRed);
    fs::permissions(folder.path(), fs::perms::owner_exec | fs::perms::others_exec);
    EXPECT_EXIT(exitWithUnreadableFolder(folder.path()), testing::ExitedWithCode(0), "");
    fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(PictureSet, ReadsShardsInOrderAndGroupsByStem) {
    const test::TemporaryFolder folder;
    {
        TarWriter second(folder / "s-1.tar"), first(folder / "s-0.tar");
        first.add("x/000.png", pngOf(kRed));
        first.add("x/000.txt", "red\n");
        first.add("x/000.cls", "1");
        first.add("x/001.cls", "0");
        first.add("x/001.png", pngOf(kBlue));
        first.add("x/001.json", R"({"caption": "blue", "label": 0})");
        first.add("x/only-words.txt", "nothing to see");
        second.add("000.png", pngOf(kBlue));
        second.add(std::string(180, 'n') + "/long.png", pngOf(kRed));  // needs an extended header
        first.close();
        second.close();
    }
    const auto set = open(folder.path());
    ASSERT_EQ(set->size(), 4);
    EXPECT_EQ(set->item(0).key, "s-0.tar/x/000.png");
    EXPECT_EQ(set->item(0).captions, std::vector<std::string>{"red"});
    EXPECT_EQ(set->item(0).label, 1);
    EXPECT_EQ(set->item(1).captions, std::vector<std::string>{"blue"});
    EXPECT_EQ(set->item(2).label, -1);
    EXPECT_EQ(*set->picture(1), kBlue);
    EXPECT_EQ(*set->picture(3), kRed);
    EXPECT_EQ(set->classNames(), (std::vector<std::string>{"0", "1"}));
    EXPECT_EQ(open(folder / "s-1.tar")->size(), 2);
}

TEST(PictureSet, UsesWhatADamagedShardStillHolds) {
    const test::TemporaryFolder folder;
    {
        TarWriter shard(folder / "s.tar");
        for (const char* name : {"0.png", "1.png", "2.png"}) shard.add(name, pngOf(kRed));
        shard.close();
    }
    std::vector<std::byte> bytes = test::fileBytes(folder / "s.tar");
    bytes.resize(2 * 1024 + 512 + 40);  // in the middle of the last picture
    writeFile(folder / "s.tar", bytes);
    const auto set = open(folder.path());
    ASSERT_EQ(set->size(), 3);
    EXPECT_TRUE(set->picture(1).ok());
    EXPECT_FALSE(set->picture(2).ok());
    ASSERT_EQ(set->remarks().size(), 1u);
    EXPECT_NE(set->remarks()[0].find("only 3 pictures"), std::string::npos) << set->remarks()[0];
}

TEST(PictureSet, ChangesItsFingerprintWithItsFiles) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "1.png", kRed);
    const std::string before = open(folder.path())->fingerprint();
    EXPECT_EQ(open(folder.path())->fingerprint(), before);
    writePngFile(folder / "2.png", kRed);
    EXPECT_NE(open(folder.path())->fingerprint(), before);
}

TEST(PictureSet, JoinsSetsByTheNamesOfClasses) {
    const test::TemporaryFolder folder;
    writePngFile(folder / "a/cats/1.png", kRed);
    writePngFile(folder / "a/dogs/1.png", kRed);
    writePngFile(folder / "b/birds/1.png", kBlue);
    writePngFile(folder / "b/cats/1.png", kBlue);
    std::vector<std::unique_ptr<PictureSet>> sets;
    sets.push_back(open(folder / "a"));
    sets.push_back(open(folder / "b"));
    const auto joined = joinPictureSets(std::move(sets));
    ASSERT_TRUE(joined.ok());
    const PictureSet& set = **joined;
    EXPECT_EQ(set.classNames(), (std::vector<std::string>{"cats", "dogs", "birds"}));
    ASSERT_EQ(set.size(), 4);
    EXPECT_EQ(set.item(2).label, 2);
    EXPECT_EQ(set.item(3).label, 0);
    EXPECT_EQ(set.item(3).key, "1:cats/1.png");
    EXPECT_EQ(*set.picture(1), kRed);
    EXPECT_EQ(*set.picture(2), kBlue);
    EXPECT_FALSE(joinPictureSets({}).ok());
}

}  // namespace
}  // namespace moescope
