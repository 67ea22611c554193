// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/output_files.h"

#include <vector>

#include "engine/io/atomic_file.h"
#include "engine/io/generation_parameters.h"
#include "engine/io/png_file.h"

namespace moescope::cli {

Status writeRunPicture(const std::filesystem::path& path, const RunRecord& run, int64_t image, bool metadata) {
    const Picture& picture = run.pictures[static_cast<size_t>(image)];
    if (!metadata) return writePng(path, picture);
    GenerationParameters parameters = run.parameters;
    parameters.batchIndex = image;
    const std::vector<PngText> texts{{std::string(generationTextKeyword), toA1111Text(parameters)},
                                     {std::string(generationJsonKeyword), toJsonText(parameters), true}};
    return writePng(path, picture, texts);
}

Status writeTextFile(const std::filesystem::path& path, const std::string& text) {
    auto file = AtomicFile::create(path);
    if (!file.ok()) return file.error();
    if (const Status written = file->write(text); !written.ok()) return written;
    return file->commit();
}

}  // namespace moescope::cli
