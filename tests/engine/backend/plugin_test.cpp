// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/backend/plugin.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/cpu/isa.h"
#include "engine/model/checkpoint.h"
#include "tests/support/fake_plugin.h"
#include "tests/support/temporary_folder.h"

namespace moescope {
namespace {

using test::FakePlugin;

std::shared_ptr<const Checkpoint> embedded() {
    return Checkpoint::open(MOESCOPE_RESOURCES "/embedded/emoji32.safetensors").orThrow();
}

std::string nameOf(const Result<OpenedDevice>& opened) { return opened->backend->table().name; }

TEST(Plugin, ChoicesHaveTheNamesOfTheOption) {
    for (const DeviceChoice choice : {DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda})
        EXPECT_EQ(deviceChoiceFromName(deviceChoiceName(choice)), choice);
    EXPECT_EQ(deviceChoiceFromName("gpu"), std::nullopt);
}

TEST(Plugin, IsLookedForInTheNamedFolderFirst) {
    const FakePlugin fake;
    const auto folders = pluginFolders();
    ASSERT_GE(folders.size(), 3u);
    EXPECT_EQ(folders[0], MOESCOPE_FAKE_DEVICE);
    EXPECT_EQ(folders[2], folders[1].parent_path() / "lib" / "moescope");
}

TEST(Plugin, IsListedBesideTheCpu) {
    const FakePlugin fake(FakePlugin::Settings{{"MEMORY", "123456789"}});
    const auto all = devices({2, "auto"});
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].device, DeviceChoice::Cpu);
    EXPECT_TRUE(all[0].offered());
    EXPECT_FALSE(all[0].memory.has_value());
    EXPECT_EQ(all[1].device, DeviceChoice::Cuda);
    EXPECT_TRUE(all[1].offered()) << all[1].reason;
    EXPECT_EQ(all[1].description, "Fake GPU");
    ASSERT_TRUE(all[1].memory.has_value());
    EXPECT_EQ(all[1].memory->total, 123456789);
}

TEST(Plugin, SaysWhyItDoesNotServe) {
    const FakePlugin fake(FakePlugin::Settings{{"REFUSE", "the driver 470 is older than CUDA 12 needs."}});
    const auto all = devices({1, "auto"});
    EXPECT_FALSE(all[1].offered());
    EXPECT_EQ(all[1].reason, "CUDA is not offered: the driver 470 is older than CUDA 12 needs");
    EXPECT_EQ(nameOf(openDevice(DeviceChoice::Auto, {1, "auto"})), "cpu");
    EXPECT_TRUE(openDevice(DeviceChoice::Auto, {1, "auto"})->note.empty()) << "a machine without CUDA is nothing to remark on";
    const auto asked = openDevice(DeviceChoice::Cuda, {1, "auto"});
    ASSERT_FALSE(asked.ok());
    EXPECT_EQ(asked.error().message, "CUDA is not offered: the driver 470 is older than CUDA 12 needs; --device cpu runs it on the CPU");
}

TEST(Plugin, OfAnotherVersionIsRefused) {
    const FakePlugin fake(FakePlugin::Settings{{"VERSION", "1"}});
    const auto table = cudaBackendTable();
    ASSERT_FALSE(table.ok());
    EXPECT_NE(table.error().message.find("another version"), std::string::npos) << table.error().message;
}

TEST(Plugin, ThatIsNoLibraryIsRefused) {
    const test::TemporaryFolder folder;
    test::writeFile(folder / "moescope_cuda.so", std::string_view("not a library"));
    setenv("MOESCOPE_PLUGIN_DIR", folder.path().c_str(), 1);
    const auto table = cudaBackendTable();
    unsetenv("MOESCOPE_PLUGIN_DIR");
    ASSERT_FALSE(table.ok());
    EXPECT_TRUE(table.error().message.starts_with("CUDA is not offered: moescope_cuda.so could not be opened")) << table.error().message;
}

TEST(Plugin, AutoTakesTheGpuWhereTheModelFits) {
    const int64_t needed = embedded()->memoryNeeded(MS_F32);
    const FakePlugin fake(FakePlugin::Settings{{"MEMORY", std::to_string(needed)}});
    const auto fits = openDevice(DeviceChoice::Auto, {1, "auto"}, needed);
    ASSERT_TRUE(fits.ok());
    EXPECT_EQ(nameOf(fits), "cuda");
    EXPECT_TRUE(fits->note.empty());
    const auto large = openDevice(DeviceChoice::Auto, {1, "auto"}, needed + 1);
    ASSERT_TRUE(large.ok());
    EXPECT_EQ(nameOf(large), "cpu");
    EXPECT_TRUE(large->note.starts_with("running on the CPU, because the model needs ")) << large->note;
    EXPECT_EQ(nameOf(openDevice(DeviceChoice::Cpu, {1, "auto"}, needed)), "cpu");
    EXPECT_EQ(nameOf(openDevice(DeviceChoice::Cuda, {1, "auto"}, needed + 1)), "cuda") << "asked for, so it says itself what is missing";
}

TEST(Plugin, OlderTableEndsBeforeWhatWasAppended) {
    const FakePlugin fake(FakePlugin::Settings{{"PLAIN", "1"}});
    const auto opened = openDevice(DeviceChoice::Cuda, {1, "auto"});
    ASSERT_TRUE(opened.ok());
    EXPECT_TRUE(opened->backend->deviceMemory().has_value());
    EXPECT_FALSE(opened->backend->hasViews());
    EXPECT_FALSE(opened->backend->hasMarks());
    EXPECT_FALSE(opened->backend->recordsGraphs());
}

TEST(Plugin, ModelThatDoesNotFitIsRefusedWithNeededAndFree) {
    const FakePlugin fake(FakePlugin::Settings{{"MEMORY", "1000000"}});
    const auto opened = openDevice(DeviceChoice::Cuda, {1, "auto"});
    const auto denoiser = embedded()->load(*opened->backend);
    ASSERT_FALSE(denoiser.ok());
    EXPECT_EQ(denoiser.error().code, ErrorCode::DeviceMemory);
    EXPECT_NE(denoiser.error().message.find("1.0 MB"), std::string::npos) << denoiser.error().message;
    EXPECT_NE(denoiser.error().message.find("Fake GPU"), std::string::npos) << denoiser.error().message;
}

TEST(Plugin, AllocationThatFailsGivesEverythingBack) {
    const FakePlugin fake(FakePlugin::Settings{{"FAIL_ALLOCATION", "40"}});
    const auto opened = openDevice(DeviceChoice::Cuda, {1, "auto"});
    const uint64_t before = opened->backend->memoryUsed();
    const auto denoiser = embedded()->load(*opened->backend);
    ASSERT_FALSE(denoiser.ok());
    EXPECT_EQ(denoiser.error().code, ErrorCode::DeviceMemory);
    EXPECT_EQ(opened->backend->memoryUsed(), before);
}

TEST(Plugin, RecordsOfRunsNameTheDeviceWithoutThreads) {
    const FakePlugin fake;
    EXPECT_EQ(deviceText(*openDevice(DeviceChoice::Cuda, {1, "auto"})->backend), "CUDA, Fake GPU");
    EXPECT_EQ(deviceText(*openDevice(DeviceChoice::Cpu, {1, "sse4"})->backend), "CPU, SSE4");
    EXPECT_EQ(deviceText(*openDevice(DeviceChoice::Cpu, {3, "sse4"})->backend), "CPU, SSE4");
    static_cast<void>(cpu::selectIsa("auto"));  // for what runs after this
}

}  // namespace
}  // namespace moescope
