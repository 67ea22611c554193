// SPDX-License-Identifier: Apache-2.0
#include "engine/data/emoji_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/data/cldr_names.h"
#include "engine/data/colour_names.h"
#include "engine/data/emoji_captions.h"
#include "engine/data/emoji_choice.h"
#include "engine/data/evaluation_prompts.h"
#include "engine/data/resample.h"
#include "engine/data/seeded_random.h"
#include "engine/io/utf8.h"

namespace moescope {
namespace {

constexpr double kShift = 1.5 / 32, kLeastScale = 0.92, kMostScale = 1.03;
constexpr uint64_t kViewStream = 11, kCaptionStream = 12;
constexpr size_t kPhrasings = 2;  // asked for of each class

void checkRange(const char* what, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high)
        throw EngineException(ErrorCode::InvalidArgument,
                              fmt::format("{} has to be {} to {}, found {}", what, low, high, value));
}

std::string stemOf(const ClassLabel& label) {
    std::string stem = fmt::format("{:03}-", label.index);
    for (const char c : label.name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain || !stem.ends_with('-')) stem += plain ? c : '-';
    }
    return stem.ends_with('-') ? stem.substr(0, stem.size() - 1) : stem;
}

/// The name, and others in turn so that the views of a class show all of them.
std::vector<std::string> captionsOfView(const std::vector<std::string>& all, int64_t view, int count,
                                        SeededRandom random) {
    std::vector<std::string> order(all.begin() + 1, all.end());
    random.shuffle(order);
    std::vector<std::string> some{all.front()};
    for (int i = 1; i < std::min(count, static_cast<int>(all.size())); ++i)
        some.push_back(order[static_cast<size_t>(view * (count - 1) + i - 1) % order.size()]);
    return some;
}

std::vector<EvaluationPrompt> promptsFor(const std::vector<ClassLabel>& classes,
                                         const std::vector<EmojiCaptions>& captions) {
    std::vector<EvaluationPrompt> prompts;
    for (const ClassLabel& label : classes) prompts.push_back({"name", label.name, label.name, {}});
    for (const ClassLabel& label : classes) {
        const auto index = static_cast<size_t>(label.index);
        const std::vector<std::string>& phrasings = captions[index].heldOut;
        for (size_t i = 0; i < kPhrasings; ++i)
            prompts.push_back({"phrasing", phrasings[(index + i) % phrasings.size()], label.name, {}});
    }
    return prompts;
}

}  // namespace

Picture8 emojiView(const Picture8& sheet, int64_t side, double scale, double dx, double dy) {
    const auto width = static_cast<double>(sheet.width);
    const double covered = (width - 2 * emojiMargin) / scale, pixel = covered / static_cast<double>(side);
    const double left = (width - covered) / 2 - dx * pixel, top = (width - covered) / 2 - dy * pixel;
    const auto inside = [&](double place) { return std::clamp(place, 0.0, width); };
    return resample(sheet, {inside(left), inside(top), inside(left + covered), inside(top + covered)}, side, side,
                    ResampleFilter::Lanczos);
}

Result<std::vector<ClassLabel>> emojiClasses(const EmojiSetRequest& request) {
    return guarded([&] {
        int64_t count = request.count;
        if (count == 0 && request.groups.empty()) count = fewestUsualEmoji;
        for (int64_t all = 512; count == 0 && all > 0; --all)
            if (chooseEmoji(request.groups, all)) count = all;
        const std::vector<EmojiChoice> choice = chooseEmoji(request.groups, count).orThrow();
        const auto names = readCldrNames(request.names).orThrow();
        std::vector<ClassLabel> classes;
        for (const EmojiChoice& one : choice) {
            ClassLabel label;
            label.index = static_cast<int>(classes.size());
            appendUtf8(label.emoji, one.character);
            label.codepoint = fmt::format("U+{:04X}", static_cast<uint32_t>(one.character));
            label.group = one.group;
            const auto named = names.find(label.emoji);
            if (named == names.end())
                throw EngineException(
                    ErrorCode::Format,
                    fmt::format("'{}' has no name for {} ({}); give the annotations of a newer CLDR or other groups",
                                request.names.string(), label.codepoint, label.emoji));
            label.name = named->second.name;
            label.keywords = named->second.keywords;
            classes.push_back(std::move(label));
        }
        return classes;
    });
}

std::string labelsText(const std::vector<ClassLabel>& classes) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const ClassLabel& label : classes)
        json.push_back({{"index", label.index},
                        {"codepoint", label.codepoint},
                        {"emoji", label.emoji},
                        {"name", label.name},
                        {"keywords", label.keywords},
                        {"group", label.group}});
    return json.dump(1) + "\n";
}

Result<SetSummary> writeEmojiSet(const EmojiSetRequest& request, const SetProgress& progress) {
    return guarded([&]() -> SetSummary {
        checkRange("the side of the pictures", request.side, 8, 1024);
        checkRange("the number of views", request.views, 1, 100'000);
        checkRange("the number of captions", request.captions, 1, 16);
        const auto background = colourFrom(request.background).orThrow();
        const std::vector<ClassLabel> classes = emojiClasses(request).orThrow();
        const EmojiFont font = EmojiFont::open(request.font).orThrow();
        const bool word = std::ranges::all_of(request.background, [](char c) { return c >= 'a' && c <= 'z'; }) &&
                          !colourFrom("#" + request.background);
        const std::vector<EmojiCaptions> captions = emojiCaptions(classes, word ? request.background : std::string());
        SetWriter writer(request.target);
        SetSummary summary;
        summary.classes = static_cast<int64_t>(classes.size());
        const int64_t total = summary.classes * request.views;
        for (const ClassLabel& label : classes) {
            std::string_view emoji = label.emoji;
            const char32_t character = takeCodePoint(emoji);
            const auto glyph = font.glyph(character);
            if (!glyph)
                throw EngineException(
                    ErrorCode::Format,
                    fmt::format("the font '{}' has no coloured picture of {} ({}); give a newer font or other groups",
                                request.font.string(), label.codepoint, label.emoji));
            const Picture8 sheet = onSquare(*glyph, emojiMargin, background);
            // By character, so that it looks the same whichever others are chosen.
            SeededRandom random(mixBits(request.seed) + kViewStream, character);
            const double shift = kShift * static_cast<double>(request.side);
            for (int64_t view = 0; view < request.views; ++view) {
                if (progress && !progress(summary.pictures, total))
                    throw EngineException(ErrorCode::Cancelled, "the data set was not written: it was stopped");
                const double scale = view == 0 ? 1 : random.uniform(kLeastScale, kMostScale);
                const double dx = view == 0 ? 0 : random.uniform(-shift, shift),
                             dy = view == 0 ? 0 : random.uniform(-shift, shift);
                nlohmann::ordered_json facts{
                    {"label", label.index},
                    {"captions",
                     captionsOfView(captions[static_cast<size_t>(label.index)].training, view, request.captions,
                                    SeededRandom(mixBits(request.seed) + kCaptionStream, character))}};
                summary.captions += static_cast<int64_t>(facts["captions"].size());
                ++summary.pictures;
                writer.add(stemOf(label), fmt::format("{:04}", view), emojiView(sheet, request.side, scale, dx, dy),
                           std::move(facts));
            }
        }
        const std::vector<EvaluationPrompt> prompts = promptsFor(classes, captions);
        summary.prompts = static_cast<int64_t>(prompts.size());
        const nlohmann::ordered_json about{{"kind", "emoji"},
                                           {"program", "MoEscope " MOESCOPE_VERSION},
                                           {"pictures", summary.pictures},
                                           {"classes", summary.classes},
                                           {"side", request.side},
                                           {"views", request.views},
                                           {"seed", request.seed},
                                           {"background", colourText(background)},
                                           {"captions", summary.captions},
                                           {"prompts", summary.prompts},
                                           {"font", request.font.filename().string()},
                                           {"licences",
                                            {{"pictures", "Noto Color Emoji, SIL Open Font License 1.1"},
                                             {"names", "Unicode CLDR, Unicode licence"}}}};
        writer.addFile("labels.json", labelsText(classes));
        writer.addFile("dataset.json", about.dump(1) + "\n");
        writer.addFile("evaluation.jsonl", evaluationText(prompts));
        writer.finish();
        if (progress) progress(total, total);
        return summary;
    });
}

}  // namespace moescope
