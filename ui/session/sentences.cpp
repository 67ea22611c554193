// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/sentences.h"

#include <QRegularExpression>
#include <utility>

#include "ui/session/engine_sentences.h"

namespace moescope {
namespace {

/// Longer phrases first.
QString withoutOptions(QString text) {
    const std::pair<const char*, QLatin1String> names[] = {
        {"; list them with 'moescope-cli label'", QLatin1String()},
        {" (see 'moescope-cli info')", QLatin1String()},
        {", or use 'embedded' for the built-in model", QLatin1String(", or open the built-in model")},
        {"give the right number with --set heads=N", QLatin1String("give the right number of heads in the Model panel")},
        {"halve the need with --dtype bf16", QLatin1String("halve the need by keeping weights as bf16 (Model panel)")},
        {"; --device cpu runs it on the CPU", QLatin1String("; the CPU can be chosen in the Model panel")},
        {"give it with --vae", QLatin1String("choose it in the Model panel")},
        {"keep less with --capture counts", QLatin1String("keep only counts of the routing (Settings, Advanced)")},
        {"lower --cfg-scale or --noise-scale, raise --steps", QLatin1String("lower guidance or noise strength, raise steps")},
        {"give the class with --class N", QLatin1String("type a class number")},
        {"or check the weights with info", QLatin1String("or look at the weights in the Model panel")},
    };
    for (const auto& [option, control] : names) text.replace(QLatin1String(option), control);
    static const QRegularExpression settings(QStringLiteral("give --set [^ ]+( --set [^ ]+)*"));
    text.replace(settings, QLatin1String("fill them in in the Model panel"));
    return text;
}

}  // namespace

QString sentenceOf(const std::string& engineText) {
    QString text = translatedSentence(withoutOptions(QString::fromStdString(engineText).trimmed()));
    if (text.isEmpty()) return text;
    // The name of a setting or a file at the start (top_k, notes.txt) stays as it is written.
    const qsizetype end = text.indexOf(QLatin1Char(' '));
    static const QRegularExpression name(QStringLiteral("[_./\\\\]\\S"));
    if (!text.left(end).contains(name)) text[0] = text[0].toUpper();
    const QChar last = text.back();
    if (last != QLatin1Char('.') && last != QLatin1Char('!') && last != QLatin1Char('?')) text += QLatin1Char('.');
    return text;
}

}  // namespace moescope
