// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/built_in_words.h"

#include <QCoreApplication>

namespace moescope {
namespace {

struct Words {
    std::string_view id;
    const char *title, *about;
};

constexpr Words kWords[] = {
    {"embedded-prompts",
     QT_TRANSLATE_NOOP("moescope::BuiltInModels", "prompts32: reads the prompt, draws emoji and shapes"),
     QT_TRANSLATE_NOOP("moescope::BuiltInModels",
                       "A mixture of experts on pixels that reads English prompts itself, trained with this program: 256 "
                       "emoji by their names, and "
                       "scenes of coloured shapes such as \"a yellow star at the top\", 32 × 32.")},
    {"embedded-emoji", QT_TRANSLATE_NOOP("moescope::BuiltInModels", "emoji32: small pictures of emoji"),
     QT_TRANSLATE_NOOP("moescope::BuiltInModels",
                       "A mixture of experts on pixels, part of this program: makes 32 × 32 pictures of 256 emoji in a "
                       "moment. Words are matched "
                       "to the names of its classes.")},
    {"embedded-prompts-early", QT_TRANSLATE_NOOP("moescope::BuiltInModels", "prompts32 after a tenth of its training"),
     QT_TRANSLATE_NOOP("moescope::BuiltInModels",
                       "The first built-in model as it was after 2000 of 20000 steps: compare how the experts' work "
                       "changed while it learned.")},
    {"embedded-prompts-unbalanced", QT_TRANSLATE_NOOP("moescope::BuiltInModels", "the same without balance"),
     QT_TRANSLATE_NOOP("moescope::BuiltInModels",
                       "A twin of prompts32 after 2000 steps: same data, same seed, but nothing that evens out the "
                       "work of the experts. Compare "
                       "their loads.")},
    {"embedded-ensemble", QT_TRANSLATE_NOOP("moescope::BuiltInModels", "Mixture of six networks for emoji"),
     QT_TRANSLATE_NOOP("moescope::BuiltInModels",
                       "Whole networks as experts: a router over the prompt chooses and blends them. All six have the "
                       "weights of emoji32; what "
                       "each is for was assigned, not learned.")},
};

QString wordsOf(std::string_view id, const char* Words::*which) {
    for (const Words& words : kWords)
        if (words.id == id) return QCoreApplication::translate("moescope::BuiltInModels", words.*which);
    return QString::fromUtf8(id.data(), qsizetype(id.size()));
}

}  // namespace

QString builtInExample(std::string_view id) {
    return id.starts_with("embedded-prompts") ? QStringLiteral("a yellow star at the top") : QString();
}

QString builtInTitle(std::string_view id) {
    return wordsOf(id, &Words::title);
}
QString builtInAbout(std::string_view id) {
    return wordsOf(id, &Words::about);
}

}  // namespace moescope
