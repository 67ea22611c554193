// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluate/prompt_scores.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "engine/data/emoji_gallery.h"
#include "engine/data/scene_checker.h"

namespace moescope {
namespace {

constexpr int64_t kTogether = 64;  // prompts of one run

Picture8 asPicture8(const Picture& picture) {
    return {picture.width, picture.height, picture.rgb};
}

bool wanted(const ScoreRequest& request, const std::string& kind) {
    return request.kinds.empty() || std::ranges::find(request.kinds, kind) != request.kinds.end();
}

/// Those of the wanted kinds, at most `limit` of each, spread over all of the kind.
std::vector<EvaluationPrompt> chosenPrompts(const ScoreRequest& request) {
    const std::vector<EvaluationPrompt> all = readEvaluationPrompts(request.set).orThrow();
    if (all.empty())
        throw EngineException(ErrorCode::NotFound, "the set's evaluation.jsonl has no prompts; write the set again");
    std::vector<std::string> kinds;
    for (const EvaluationPrompt& prompt : all)
        if (std::ranges::find(kinds, prompt.kind) == kinds.end()) kinds.push_back(prompt.kind);
    std::vector<EvaluationPrompt> chosen;
    for (const std::string& kind : kinds) {
        if (!wanted(request, kind)) continue;
        std::vector<const EvaluationPrompt*> same;
        for (const EvaluationPrompt& prompt : all)
            if (prompt.kind == kind) same.push_back(&prompt);
        const auto count = static_cast<int64_t>(same.size());
        const int64_t taken = request.limit > 0 ? std::min(request.limit, count) : count;
        for (int64_t i = 0; i < taken; ++i) chosen.push_back(*same[static_cast<size_t>(i * count / taken)]);
    }
    if (chosen.empty())
        throw EngineException(ErrorCode::NotFound, fmt::format("the set has no prompts of the kinds {}; it has {}",
                                                               fmt::join(request.kinds, ", "), fmt::join(kinds, ", ")));
    return chosen;
}

std::string failuresOf(const SceneVerdict& verdict) {
    std::vector<std::string_view> parts;
    if (!verdict.count) parts.push_back("count");
    if (!verdict.shapes) parts.push_back("shapes");
    if (!verdict.colours) parts.push_back("colours");
    if (verdict.shapes && verdict.colours && !verdict.objects) parts.push_back("which shape has which colour");
    if (!verdict.relations) parts.push_back("relations");
    return parts.empty() ? std::string("all holds") : fmt::format("wrong: {}", fmt::join(parts, ", "));
}

class Scoring {
public:
    Scoring(const Denoiser& denoiser, const ClassLabels* labels, const ScoreRequest& request)
        : m_denoiser(denoiser), m_labels(labels), m_request(request), m_prompts(chosenPrompts(request)) {
        const ModelDescription& d = denoiser.description();
        m_reads = d.conditioning == Conditioning::Prompt;
        if (!m_reads && (d.conditioning != Conditioning::ClassLabel || !labels))
            throw EngineException(
                ErrorCode::Unsupported,
                "the model can not be asked for anything in words: it takes no prompts and its classes "
                "have no names here; put a labels.json beside it, or evaluate another model");
        if (!std::ranges::any_of(m_prompts, [](const EvaluationPrompt& prompt) { return !prompt.className.empty(); }))
            return;
        const auto set = openPictureSet(request.set).orThrow();
        m_classNames = set->classNames();
        m_gallery = EmojiGallery::make(*set, d.config.inputSide()).orThrow();
    }

    PromptScores run(const ScoreProgress& progress, const std::stop_token& stop) {
        const auto total = static_cast<int64_t>(m_prompts.size());
        for (int64_t first = 0; first < total; first += kTogether) {
            const int64_t count = std::min(kTogether, total - first);
            draw(first, count, stop);
            if (progress) progress(first + count, total);
        }
        return std::move(m_scores);
    }

private:
    void draw(int64_t first, int64_t count, const std::stop_token& stop) {
        GenerationRequest request;
        std::vector<bool> understood;
        for (int64_t i = first; i < first + count; ++i) {
            const EvaluationPrompt& prompt = m_prompts[static_cast<size_t>(i)];
            const int meant = m_reads ? 0 : classOf(prompt.caption);
            understood.push_back(meant >= 0);
            request.classes.push_back(std::max(0, meant));
            if (m_reads) request.prompts.push_back(prompt.caption);
        }
        request.seed = m_request.seed + static_cast<uint64_t>(first);
        request.sampler = m_request.sampler;
        request.capture.level = CaptureLevel::Counts;
        request.keepLatents = false;
        const GenerationResult result = generate(m_denoiser, nullptr, request, nullptr, stop).orThrow();
        if (result.stopped) throw EngineException(*result.stopped);
        for (int64_t i = 0; i < count; ++i)
            judge(m_prompts[static_cast<size_t>(first + i)], result.record->pictures[static_cast<size_t>(i)],
                  understood[static_cast<size_t>(i)]);
    }

    /// -1: the words mean none.
    int classOf(const std::string& caption) const {
        const auto match = m_labels->match(caption);
        return match.ok() ? match->index : -1;
    }

    KindScore& kindOf(const std::string& kind) {
        for (KindScore& score : m_scores.kinds)
            if (score.kind == kind) return score;
        m_scores.kinds.push_back({kind});
        return m_scores.kinds.back();
    }

    void judge(const EvaluationPrompt& prompt, const Picture& picture, bool understood) {
        ScoredPrompt scored{prompt, false, "the words mean no class of the model", picture};
        KindScore& kind = kindOf(prompt.kind);
        ++kind.prompts;
        if (prompt.scene) {
            kind.scenes = true;
            const SceneVerdict verdict = understood ? checkScene(asPicture8(picture), *prompt.scene) : SceneVerdict{};
            kind.count += verdict.count;
            kind.shapes += verdict.shapes;
            kind.colours += verdict.colours;
            kind.objects += verdict.objects;
            const bool related = !prompt.scene->relations.empty();
            kind.withRelations += related;
            kind.relations += related && verdict.relations;
            scored.right = verdict.holds();
            if (understood) scored.found = failuresOf(verdict);
        } else if (understood && m_gallery) {
            const int32_t label = m_gallery->nearest(asPicture8(picture)).label;
            const std::string name = label >= 0 && label < static_cast<int32_t>(m_classNames.size())
                                         ? m_classNames[static_cast<size_t>(label)]
                                         : "";
            scored.right = name == prompt.className;
            scored.found = fmt::format("class '{}'", name);
        }
        kind.right += scored.right;
        m_scores.prompts.push_back(std::move(scored));
    }

    const Denoiser& m_denoiser;
    const ClassLabels* m_labels;
    const ScoreRequest& m_request;
    std::vector<EvaluationPrompt> m_prompts;
    bool m_reads = false;
    std::vector<std::string> m_classNames;
    std::optional<EmojiGallery> m_gallery;
    PromptScores m_scores;
};

}  // namespace

Result<PromptScores> scorePrompts(const Denoiser& denoiser, const ClassLabels* labels, const ScoreRequest& request,
                                  const ScoreProgress& progress, std::stop_token stop) {
    return guarded([&] { return Scoring(denoiser, labels, request).run(progress, stop); });
}

}  // namespace moescope
