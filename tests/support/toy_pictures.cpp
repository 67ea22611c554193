// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/toy_pictures.h"

#include <algorithm>

#include "engine/io/png_file.h"
#include "tests/support/temporary_folder.h"

namespace moescope::test {
namespace {

class ToySet final : public PictureSet {
public:
    ToySet(int64_t count, int classes, std::vector<int64_t> broken) : m_broken(std::move(broken)) {
        for (int i = 0; i < classes; ++i) m_classes.push_back("class " + std::to_string(i));
        for (int64_t i = 0; i < count; ++i) {
            const std::string name = std::to_string(i);
            m_items.push_back(
                {name + ".png", classes > 0 ? static_cast<int32_t>(i % classes) : -1, {name + " a", name + " b"}});
        }
    }
    int64_t size() const override { return static_cast<int64_t>(m_items.size()); }
    const TrainingItem& item(int64_t index) const override { return m_items[static_cast<size_t>(index)]; }
    Result<Picture8> picture(int64_t index) const override {
        if (std::ranges::find(m_broken, index) != m_broken.end()) return {ErrorCode::Format, "it is broken on purpose"};
        const auto level = static_cast<uint8_t>(index);
        return flatPicture(4, 4, {level, static_cast<uint8_t>(2 * level), static_cast<uint8_t>(255 - level)});
    }
    const std::vector<std::string>& classNames() const override { return m_classes; }
    std::string fingerprint() const override { return "toy " + std::to_string(size()); }
    const std::vector<std::string>& remarks() const override { return m_remarks; }

private:
    std::vector<TrainingItem> m_items;
    std::vector<std::string> m_classes, m_remarks;
    std::vector<int64_t> m_broken;
};

}  // namespace

Picture8 flatPicture(int64_t width, int64_t height, std::array<uint8_t, 3> colour) {
    Picture8 picture{width, height, {}};
    for (int64_t i = 0; i < width * height; ++i) picture.rgb.insert(picture.rgb.end(), colour.begin(), colour.end());
    return picture;
}

std::vector<std::byte> pngOf(const Picture8& picture) {
    return encodePng({static_cast<int>(picture.width), static_cast<int>(picture.height), picture.rgb}).orThrow();
}

void writePngFile(const std::filesystem::path& path, const Picture8& picture) {
    std::filesystem::create_directories(path.parent_path());
    writeFile(path, pngOf(picture));
}

std::shared_ptr<const PictureSet> toySet(int64_t count, int classes, std::vector<int64_t> broken) {
    return std::make_shared<ToySet>(count, classes, std::move(broken));
}

}  // namespace moescope::test
