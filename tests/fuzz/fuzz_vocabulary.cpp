// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as the vocabulary of a prompt encoder, which then reads a prompt.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/model/prompt_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace moescope;
    const auto tokenizer = PromptTokenizer::fromBytes({reinterpret_cast<const char*>(data), size});
    if (!tokenizer.ok()) {
        if (tokenizer.error().message.empty()) std::abort();
        return 0;
    }
    const TokenizedPrompt prompt = (*tokenizer)->encode("a red zebra, left of \xC3\xA9toiles", 7);
    if (prompt.ids.size() != 7) std::abort();
    for (const int32_t id : prompt.ids)
        if (id < 0 || id >= (*tokenizer)->size()) std::abort();
    (*tokenizer)->decode(prompt.ids);
    return 0;
}
