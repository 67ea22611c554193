// SPDX-License-Identifier: Apache-2.0
// A router by hand: weights that hold for a range of noise, for words in the prompt, or for both; the first rule that
// fits.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ensemble/prompt_features.h"
#include "engine/ensemble/router_kinds.h"

namespace moescope {
namespace {

constexpr size_t kMaxRules = 4096;

struct Rule {
    std::vector<std::vector<std::string>> phrases;  // any of them has to stand in the prompt; none: every prompt fits
    double low = 0, high = 1;                       // noise levels: low <= level < high; high = 1 takes 1 in
    std::vector<float> logits;                      // [experts] logarithms of the weights
};

class RuleRouter final : public NetworkRouter {
public:
    RuleRouter(std::vector<Rule> rules, int64_t experts) : m_rules(std::move(rules)), m_experts(experts) {}

    int64_t experts() const override { return m_experts; }
    int64_t promptWidth() const override { return 0; }
    const PromptFeatures* promptFeatures() const override { return nullptr; }
    int64_t pictureGrid() const override { return 0; }
    int64_t pictureChannels() const override { return 0; }

    void logits(const RouterInput& input, std::span<float> out) const override {
        const std::vector<std::string> words = promptWords(input.words);
        const double noise = std::clamp(1 - static_cast<double>(input.flowTime), 0.0, 1.0);
        const auto holds = [&](const Rule& rule) {
            const bool inRange = noise >= rule.low && (noise < rule.high || rule.high == 1);
            const auto isSaid = [&](const std::vector<std::string>& phrase) {
                return !std::ranges::search(words, phrase).empty();
            };
            return inRange && (rule.phrases.empty() || std::ranges::any_of(rule.phrases, isSaid));
        };
        std::ranges::copy(std::ranges::find_if(m_rules, holds)->logits, out.begin());  // the last rule always holds
    }

private:
    std::vector<Rule> m_rules;
    int64_t m_experts;
};

/// {"name": weight, ...}; experts that are not named get no weight.
std::vector<float> readWeights(const RouterSection& section, const nlohmann::json& weights, const std::string& where) {
    JsonFields fields(weights, where);
    std::vector<float> logits(section.expertNames.size(), -std::numeric_limits<float>::infinity());
    for (const auto& [name, value] : weights.items()) {
        const size_t expert = section.expert(name, where);
        logits[expert] = static_cast<float>(std::log(fields.number(name, 0, 1e6)));
    }
    if (std::ranges::all_of(logits, [](float logit) { return std::isinf(logit); }))
        throw EngineException(ErrorCode::Format,
                              fmt::format("{} gives no expert a weight above 0; give at least one", where));
    return logits;
}

void readRange(JsonFields& fields, Rule& rule) {
    const nlohmann::json* range = fields.find("noise");
    if (!range) return;
    const bool pair = range->is_array() && range->size() == 2 && (*range)[0].is_number() && (*range)[1].is_number();
    if (pair) {
        rule.low = (*range)[0].get<double>();
        rule.high = (*range)[1].get<double>();
    }
    if (!pair || !(rule.low >= 0 && rule.low < rule.high && rule.high <= 1))
        fields.wrong("noise", "a range of noise levels such as [0.5, 1] within 0 (picture) and 1 (noise)", *range);
}

void readWords(JsonFields& fields, Rule& rule) {
    const nlohmann::json* list = fields.find("words");
    if (!list) return;
    constexpr const char* expected = "a list of words such as [\"cat\", \"ice cream\"]";
    if (!list->is_array() || list->empty()) fields.wrong("words", expected, *list);
    for (const nlohmann::json& words : *list) {
        if (!words.is_string()) fields.wrong("words", expected, *list);
        rule.phrases.push_back(promptWords(words.get_ref<const std::string&>()));
        if (rule.phrases.back().empty()) fields.wrong("words", "a list of texts with letters or digits", *list);
    }
}

}  // namespace

std::unique_ptr<NetworkRouter> readRuleKind(const RouterSection& section) {
    std::vector<Rule> rules;
    const nlohmann::json* list = section.fields.find("rules");
    if (list && (!list->is_array() || list->size() > kMaxRules))
        section.fields.wrong("rules", fmt::format("a list of at most {} rules", kMaxRules), *list);
    for (size_t i = 0; list && i < list->size(); ++i) {
        const std::string where = fmt::format("rule {} of the router section", i + 1);
        JsonFields fields((*list)[i], where);
        Rule rule;
        readRange(fields, rule);
        readWords(fields, rule);
        rule.logits = readWeights(section, fields.need("weights"), "\"weights\" of " + where);
        fields.refuseOthers();
        rules.push_back(std::move(rule));
    }
    Rule otherwise;
    const nlohmann::json* rest = section.fields.find("otherwise");
    otherwise.logits = rest ? readWeights(section, *rest, "\"otherwise\" of the router section")
                            : std::vector<float>(section.expertNames.size(), 0.0F);
    rules.push_back(std::move(otherwise));
    return std::make_unique<RuleRouter>(std::move(rules), static_cast<int64_t>(section.expertNames.size()));
}

}  // namespace moescope
