// SPDX-License-Identifier: Apache-2.0
#include "engine/backend/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "engine/core/system_memory.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

constexpr const char* kPluginFile = "moescope_cuda.so";
constexpr const char* kCpuName = "cpu";
constexpr const char* kCpuInstead = "; --device cpu runs it on the CPU";

EngineError notOffered(const std::string& why) {
    return {ErrorCode::Unsupported, fmt::format("CUDA is not offered: {}", why)};
}

std::string withoutPeriod(std::string text) {
    while (text.ends_with('.') || text.ends_with('\n')) text.pop_back();
    return text;
}

Result<const MsBackendTable*> openPlugin(const fs::path& file) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* why = dlerror();
        return notOffered(fmt::format("{} could not be opened ({}); install the CUDA libraries that it names",
                                      file.filename().string(), why ? why : "no reason given"));
    }
    // Never closed: what a driver started inside of it lives as long as the process.
    const auto entry = reinterpret_cast<MsBackendEntry>(dlsym(library, MS_BACKEND_ENTRY_NAME));
    if (!entry)
        return notOffered(
            fmt::format("{} is no plugin of this program; remove it or build it again", file.filename().string()));
    const char* reason = nullptr;
    const MsBackendTable* table = entry(MS_BACKEND_VERSION, &reason);
    if (!table) return notOffered(reason ? withoutPeriod(reason) : "the plugin gives no reason");
    if (table->version != MS_BACKEND_VERSION)
        return notOffered(fmt::format(
            "{} was built for another version of this program (its table has version {}, {} is needed); build both "
            "together",
            file.filename().string(), table->version, MS_BACKEND_VERSION));
    return table;
}

std::unique_ptr<Backend> makeCpu(const BackendOptions& options) {
    return std::make_unique<Backend>(cpuBackendTable(), options);
}

}  // namespace

std::string_view deviceChoiceName(DeviceChoice choice) {
    switch (choice) {
        case DeviceChoice::Cpu:
            return "cpu";
        case DeviceChoice::Cuda:
            return "cuda";
        case DeviceChoice::Auto:
            break;
    }
    return "auto";
}

std::optional<DeviceChoice> deviceChoiceFromName(std::string_view name) {
    for (const DeviceChoice choice : {DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda})
        if (deviceChoiceName(choice) == name) return choice;
    return std::nullopt;
}

std::vector<fs::path> pluginFolders() {
    std::vector<fs::path> folders;
    if (const char* given = std::getenv("MOESCOPE_PLUGIN_DIR"); given && *given) folders.push_back(fs::absolute(given));
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code).parent_path();
    if (!program.empty()) {
        folders.push_back(program);
        folders.push_back(program.parent_path() / "lib" / "moescope");
    }
    return folders;
}

Result<const MsBackendTable*> cudaBackendTable() {
    std::vector<std::string> looked;
    for (const fs::path& folder : pluginFolders()) {
        std::error_code ignored;
        if (fs::exists(folder / kPluginFile, ignored)) return openPlugin(folder / kPluginFile);
        looked.push_back(folder.string());
    }
    return notOffered(
        fmt::format("this build has no CUDA plugin (no {} in {}); build the program where nvcc is installed",
                    kPluginFile, fmt::join(looked, ", ")));
}

std::vector<DeviceOffer> devices(const BackendOptions& options) {
    const auto offer = [](DeviceChoice device, const auto& make) {
        DeviceOffer made;
        made.device = device;
        const auto backend = guarded(make);
        if (backend.ok()) {
            made.description = (*backend)->description();
            const auto memory = guarded([&] { return (*backend)->deviceMemory(); });
            if (memory.ok()) made.memory = *memory;
        } else {
            made.reason = backend.error().message;
        }
        return made;
    };
    const auto makeCuda = [&] {
        const MsBackendTable* table = cudaBackendTable().orThrow();
        auto made = guarded([&] { return std::make_unique<Backend>(*table, options); });
        if (!made.ok()) throw EngineException(notOffered(withoutPeriod(made.error().message)));
        return std::move(made).orThrow();
    };
    return {offer(DeviceChoice::Cpu, [&] { return makeCpu(options); }), offer(DeviceChoice::Cuda, makeCuda)};
}

Result<OpenedDevice> openDevice(DeviceChoice choice, const BackendOptions& options, int64_t needed) {
    const auto cpu = [&](std::string note) {
        return guarded([&] { return OpenedDevice{makeCpu(options), std::move(note)}; });
    };
    if (choice == DeviceChoice::Cpu) return cpu({});
    const auto table = cudaBackendTable();
    if (!table.ok() && choice == DeviceChoice::Auto) return cpu({});
    const auto refuse = [](const EngineError& error) {
        return EngineError{error.code, withoutPeriod(error.message) + kCpuInstead};
    };
    if (!table.ok()) return refuse(table.error());
    auto made = guarded([&] { return OpenedDevice{std::make_unique<Backend>(**table, options), {}}; });
    if (choice == DeviceChoice::Cuda) return made.ok() ? std::move(made) : Result<OpenedDevice>(refuse(made.error()));
    if (!made.ok())
        return cpu(fmt::format("running on the CPU, because the GPU could not be taken: {}",
                               withoutPeriod(made.error().message)));
    const auto memory = guarded([&] { return made->backend->deviceMemory(); });
    if (memory.ok() && (!*memory || (*memory)->free >= needed)) return made;
    const std::string why = memory.ok() ? fmt::format("the model needs {} and the GPU has {} free", bytesText(needed),
                                                      bytesText((*memory)->free))
                                        : withoutPeriod(memory.error().message);
    made->backend.reset();
    return cpu(fmt::format("running on the CPU, because {}", why));
}

std::string deviceText(const Backend& backend) {
    const std::string name = backend.table().name, description = backend.description();
    if (name == kCpuName) return fmt::format("CPU, {}", description.substr(0, description.find(',')));
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return fmt::format("{}, {}", upper, description);
}

}  // namespace moescope
