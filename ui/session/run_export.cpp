// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/run_export.h"

#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "engine/io/generation_parameters.h"
#include "engine/io/png_file.h"

namespace moescope {
namespace {

constexpr size_t kLongestStem = 60;

Picture enlarged(const Picture& picture, int factor) {
    if (factor == 1) return picture;
    Picture large{picture.width * factor, picture.height * factor, {}};
    large.rgb.resize(static_cast<size_t>(large.width) * static_cast<size_t>(large.height) * 3);
    for (int y = 0; y < large.height; ++y)
        for (int x = 0; x < large.width; ++x) {
            const uint8_t* from = &picture.rgb[3 * (static_cast<size_t>(y / factor) * static_cast<size_t>(picture.width) + static_cast<size_t>(x / factor))];
            std::copy(from, from + 3, &large.rgb[3 * (static_cast<size_t>(y) * static_cast<size_t>(large.width) + static_cast<size_t>(x))]);
        }
    return large;
}

}  // namespace

Status savePicture(const RunView& run, int64_t image, const std::filesystem::path& path, int factor, bool metadata) {
    const auto& picture = image >= 0 && image < static_cast<int64_t>(run.pictures.size()) ? run.pictures[static_cast<size_t>(image)] : nullptr;
    if (!picture)
        return {ErrorCode::InvalidArgument, "that picture is not finished, so there is nothing to save; copy what is on the canvas instead"};
    std::vector<PngText> texts;
    if (metadata) {
        GenerationParameters parameters = run.parameters;
        parameters.batchIndex = image;
        if (image < static_cast<int64_t>(run.classIds.size())) parameters.classId = run.classIds[static_cast<size_t>(image)];
        texts = {{std::string(generationTextKeyword), toA1111Text(parameters)}, {std::string(generationJsonKeyword), toJsonText(parameters), true}};
    }
    return writePng(path, enlarged(*picture, factor), texts);
}

std::string pictureFileName(const RunView& run, int64_t image, std::string_view extension) {
    const GenerationParameters& p = run.parameters;
    const std::string words = !p.prompt.empty() ? p.prompt : !p.className.empty() ? p.className : fmt::format("class {}", p.classId.value_or(0));
    std::string stem;
    for (const char c : words) {
        const auto letter = static_cast<unsigned char>(c);
        if (letter < 0x80 && std::isalnum(letter)) stem += static_cast<char>(std::tolower(letter));
        else if (!stem.empty() && stem.back() != '-') stem += '-';
        if (stem.size() >= kLongestStem) break;
    }
    while (!stem.empty() && stem.back() == '-') stem.pop_back();
    GenerationParameters alone = p;
    alone.batchIndex = image;
    return fmt::format("{}-{}{}{}", stem.empty() ? "picture" : stem, alone.imageSeed(),
                       p.noiseBatch == "joint" && run.images > 1 ? fmt::format("-{}", image + 1) : "", extension);
}

}  // namespace moescope
