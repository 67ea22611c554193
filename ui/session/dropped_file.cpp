// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/dropped_file.h"

#include <array>
#include <fstream>

#include <fmt/format.h>

#include "engine/ensemble/open_model.h"
#include "engine/io/png_file.h"
#include "engine/io/session_reader.h"

namespace moescope {
namespace fs = std::filesystem;

namespace {

constexpr std::array<unsigned char, 8> kPngSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

bool isPng(const fs::path& path) {
    std::array<char, 8> start{};
    std::ifstream file(path, std::ios::binary);
    file.read(start.data(), start.size());
    return file && std::equal(start.begin(), start.end(), kPngSignature.begin(),
                              [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

Result<DroppedFile> examinePicture(const fs::path& path) {
    auto png = readPng(path);
    if (!png.ok()) return png.error();
    if (const auto json = png->text(generationJsonKeyword)) {
        auto parameters = fromJsonText(*json);
        if (!parameters.ok()) return parameters.error();
        return DroppedFile{DroppedFile::Kind::Picture, path, std::move(*parameters)};
    }
    if (const auto text = png->text(generationTextKeyword)) {
        auto parameters = parseA1111Text(*text);
        if (!parameters.ok()) return parameters.error();
        return DroppedFile{DroppedFile::Kind::Picture, path, std::move(*parameters)};
    }
    return EngineError{ErrorCode::Format, fmt::format("the picture '{}' holds no settings (it was written without them, or by a program that "
                                                      "stores none); pictures saved here carry theirs", path.filename().string())};
}

}  // namespace

Result<DroppedFile> examineFile(const fs::path& path) {
    std::error_code code;
    if (!fs::exists(path, code))
        return EngineError{ErrorCode::NotFound, fmt::format("'{}' is not there; it may have been moved or deleted", path.filename().string())};
    if (fs::is_directory(path, code)) {
        const bool run = fs::exists(path / "recipe.yaml", code) && fs::exists(path / "metrics.jsonl", code);
        return DroppedFile{run ? DroppedFile::Kind::TrainingRun : DroppedFile::Kind::Model, path, {}};
    }
    if (isPng(path)) return examinePicture(path);
    if (path.extension() == ".moescope") return DroppedFile{DroppedFile::Kind::Session, path, {}};
    if (SessionReader::open(path).ok()) return DroppedFile{DroppedFile::Kind::Session, path, {}};
    const auto model = openModel(path);
    if (!model.ok())
        return EngineError{model.error().code,
                           fmt::format("'{}' is neither a session nor a picture of this program, and as a model: {}",
                                       path.filename().string(), model.error().message)};
    return DroppedFile{DroppedFile::Kind::Model, path, {}};
}

}  // namespace moescope
