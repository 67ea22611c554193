// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/resource_paths.h"

#include <fmt/format.h>

#include <cstdlib>

#include "engine/model/built_in_models.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

constexpr const char* kLandmark = "embedded/emoji32.safetensors";

bool holdsResources(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / kLandmark, ignored);
}

}  // namespace

Result<fs::path> resourceFolder() {
    if (const char* given = std::getenv("MOESCOPE_RESOURCES")) {
        if (holdsResources(given)) return fs::path(given);
        return EngineError{ErrorCode::NotFound,
                           fmt::format("MOESCOPE_RESOURCES is '{}', which has no {}", given, kLandmark)};
    }
    std::error_code code;
    const fs::path binary = fs::read_symlink("/proc/self/exe", code).parent_path();
    if (const fs::path installed = binary.parent_path() / "share" / "moescope"; holdsResources(installed))
        return installed;
    for (fs::path folder = binary; folder.has_relative_path(); folder = folder.parent_path())
        if (holdsResources(folder / "resources")) return folder / "resources";
    return EngineError{ErrorCode::NotFound,
                       "the program's data are not beside it (expected ../share/moescope next to its folder); "
                       "install it again or set MOESCOPE_RESOURCES"};
}

Result<fs::path> resource(const fs::path& relative) {
    auto folder = resourceFolder();
    if (!folder.ok()) return folder.error();
    fs::path path = *folder / relative;
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        return EngineError{ErrorCode::NotFound,
                           fmt::format("the program's data lack {}; install it again", relative.string())};
    return path;
}

Result<fs::path> modelPlace(std::string_view name) {
    if (!meansBuiltIn(name)) return fs::path(name);
    const auto model = builtInModel(name);
    return model.ok() ? resource(model->file) : Result<fs::path>(model.error());
}

std::string builtInNames() {
    std::string text = fmt::format("'{}'", kDefaultBuiltIn);
    for (const BuiltInModel& model : builtInModels())
        text += model.id == builtInModels().front().id ? fmt::format(" (which is {})", model.id)
                                                       : fmt::format(", '{}'", model.id);
    return text;
}

}  // namespace moescope
