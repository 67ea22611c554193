// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/io/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    const auto bytes = test::fileBytes(path);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
    const test::TemporaryFolder folder;
    auto file = AtomicFile::create(folder / "a.txt");
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->write("half ").ok());
    EXPECT_FALSE(fs::exists(folder / "a.txt"));
    ASSERT_TRUE(file->write("and half").ok());
    EXPECT_EQ(file->size(), 13u);
    ASSERT_TRUE(file->commit().ok());
    EXPECT_EQ(content(folder / "a.txt"), "half and half");
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a.txt"});
}

TEST(AtomicFile, LeavesTheOldFileAndNothingElseWhenDropped) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "a.txt", "old");
    {
        auto file = AtomicFile::create(folder / "a.txt");
        ASSERT_TRUE(file->write("new").ok());
        AtomicFile moved(std::move(file.value()));
        EXPECT_EQ(folder.names().size(), 2u);
    }
    EXPECT_EQ(content(folder / "a.txt"), "old");
    EXPECT_EQ(folder.names(), std::vector<std::string>{"a.txt"});
}

TEST(AtomicFile, ReplacesAnOldFile) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "a.txt", "a long old text");
    auto file = AtomicFile::create(folder / "a.txt");
    ASSERT_TRUE(file->write("new").ok());
    ASSERT_TRUE(file->commit().ok());
    EXPECT_EQ(content(folder / "a.txt"), "new");
    EXPECT_FALSE(file->commit().ok());
    EXPECT_FALSE(file->write("more").ok());
}

TEST(AtomicFile, TakesNamesAsLongAsTheSystemAllows) {
    const test::TemporaryFolder folder;
    const std::string name(255, 'x');
    auto file = AtomicFile::create(folder / name);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_TRUE(file->commit().ok());
    EXPECT_EQ(folder.names(), std::vector<std::string>{name});
}

TEST(AtomicFile, NeverReplacesADeviceOrAPipe) {
    const test::TemporaryFolder folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    fs::create_symlink("pipe", folder / "link");
    for (const char* name : {"pipe", "link"}) {
        const auto file = AtomicFile::create(folder / name);
        ASSERT_FALSE(file.ok());
        EXPECT_EQ(file.error().code, ErrorCode::Io);
        EXPECT_NE(file.error().message.find("a device, a pipe"), std::string::npos) << file.error().message;
    }
    EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"link", "pipe"}));
}

TEST(AtomicFile, ReplacesTheFileBehindALinkAndKeepsTheLink) {
    const test::TemporaryFolder folder;
    fs::create_directory(folder / "elsewhere");
    test::writeFile(folder / "elsewhere" / "a.txt", "old");
    fs::create_symlink("elsewhere/a.txt", folder / "link");
    auto file = AtomicFile::create(folder / "link");
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->write("new").ok());
    ASSERT_TRUE(file->commit().ok());
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(content(folder / "elsewhere" / "a.txt"), "new");
}

TEST(AtomicFile, SaysThatAFolderIsMissing) {
    const test::TemporaryFolder folder;
    const auto file = AtomicFile::create(folder.path() / "nowhere" / "a.txt");
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code, ErrorCode::Io);
    EXPECT_EQ(file.error().message,
              "a.txt could not be created: its folder does not exist; create the folder or choose another one");
    const auto onFolder = AtomicFile::create(folder.path());
    ASSERT_FALSE(onFolder.ok());
    EXPECT_NE(onFolder.error().message.find("found a folder"), std::string::npos);
}

/// In a child process that owns nothing (a superuser may write anywhere).
void exitWithCreateInUnwritableFolder(const fs::path& folder) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) std::_Exit(2);
    const auto file = AtomicFile::create(folder / "a.txt");
    const bool right = !file.ok() && file.error().code == ErrorCode::Io &&
                       file.error().message.find("may not be written to") != std::string::npos;
    std::_Exit(right ? 0 : 1);
}

TEST(AtomicFile, SaysThatAFolderIsNotWritable) {
    const test::TemporaryFolder folder;
    fs::permissions(folder.path(),
                    fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
    EXPECT_EXIT(exitWithCreateInUnwritableFolder(folder.path()), testing::ExitedWithCode(0), "");
    fs::permissions(folder.path(), fs::perms::owner_all);
}

/// In a child process whose files may hold 10,000 bytes, as on a disk with that much left.
void exitWithWriteToAFullDisk(const fs::path& folder) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10'000, 10'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    auto file = AtomicFile::create(folder / "a.bin");
    if (!file.ok()) std::_Exit(3);
    const std::vector<std::byte> bytes(30'000);
    const Status written = file->write(bytes);  // the system takes 10,000 bytes, then refuses
    const bool right = !written.ok() && written.error().code == ErrorCode::NoSpace && file->size() == 10'000 &&
                       written.error().message.find("a.bin could not be written") == 0 && !file->commit().ok();
    std::_Exit(right ? 0 : 1);
}

TEST(AtomicFile, SaysThatTheDiskIsFullAndLeavesNothing) {
    const test::TemporaryFolder folder;
    EXPECT_EXIT(exitWithWriteToAFullDisk(folder.path()), testing::ExitedWithCode(0), "");
    EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace moescope
