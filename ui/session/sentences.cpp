// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/sentences.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <utility>

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(Sentences)
};

/// Longer phrases first.
QString withoutOptions(QString text) {
    const std::pair<const char*, QString> names[] = {
        {"; list them with 'moescope-cli label'", QString()},
        {" (see 'moescope-cli info')", QString()},
        {", or use 'embedded' for the built-in model", Text::tr(", or open the built-in model")},
        {"give the right number with --set heads=N", Text::tr("give the right number of heads in the Model panel")},
        {"halve the need with --dtype bf16", Text::tr("halve the need by keeping weights as bf16 (Model panel)")},
        {"give it with --vae", Text::tr("choose it in the Model panel")},
        {"keep less with --capture counts", Text::tr("keep only counts of the routing (Settings, Advanced)")},
        {"lower --cfg-scale or --noise-scale, raise --steps", Text::tr("lower guidance or noise strength, raise steps")},
        {"give the class with --class N", Text::tr("type a class number")},
        {"or check the weights with info", Text::tr("or look at the weights in the Model panel")},
    };
    for (const auto& [option, control] : names) text.replace(QLatin1String(option), control);
    static const QRegularExpression settings(QStringLiteral("give --set [^ ]+( --set [^ ]+)*"));
    text.replace(settings, Text::tr("fill them in in the Model panel"));
    return text;
}

}  // namespace

QString sentenceOf(const std::string& engineText) {
    QString text = withoutOptions(QString::fromStdString(engineText).trimmed());
    if (text.isEmpty()) return text;
    // A lower-case name of a setting at the start (top_k, n_group) stays as it is written.
    const qsizetype end = text.indexOf(QLatin1Char(' '));
    if (!text.left(end).contains(QLatin1Char('_'))) text[0] = text[0].toUpper();
    const QChar last = text.back();
    if (last != QLatin1Char('.') && last != QLatin1Char('!') && last != QLatin1Char('?')) text += QLatin1Char('.');
    return text;
}

}  // namespace moescope
