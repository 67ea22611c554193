// SPDX-License-Identifier: Apache-2.0
#include "engine/model/prompt_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "engine/model/prompt_tokenizer.h"

namespace moescope {
namespace {

std::string quoted(const std::vector<std::string>& words) {
    return words.empty() ? std::string() : fmt::format("'{}'", fmt::join(words, "', '"));
}

}  // namespace

std::string promptSentence(const ModelDescription& description, std::string_view prompt) {
    const int64_t places = description.config.contextTokens;
    if (!description.prompt.tokenizer) return "the words are the prompt";
    const TokenizedPrompt read = description.prompt.tokenizer->encode(prompt, places);
    if (read.pieces == 0) return "no prompt: the model draws what it likes";
    std::string sentence = fmt::format("the prompt takes {} of {} places", read.pieces, places);
    if (!read.unknownWords.empty()) sentence += fmt::format("; not known to the model: {}", quoted(read.unknownWords));
    if (!read.cutWords.empty()) sentence += fmt::format("; no place left for {}", quoted(read.cutWords));
    return sentence;
}

}  // namespace moescope
