// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/run_words.h"

#include <QCoreApplication>
#include <QLocale>
#include <cmath>

#include "ui/session/sentences.h"

namespace moescope {
namespace {

struct RunWords {
    Q_DECLARE_TR_FUNCTIONS(RunWords)
};

constexpr double kMinute = 60;

}  // namespace

QString durationText(double seconds) {
    const QLocale locale;
    if (seconds < 1) return RunWords::tr("%1 ms").arg(locale.toString(std::max(1.0, std::round(1000 * seconds)), 'f', 0));
    if (seconds < kMinute) return RunWords::tr("%1 s").arg(locale.toString(seconds, 'f', seconds < 10 ? 1 : 0));
    const int whole = static_cast<int>(std::lround(seconds));
    if (whole >= 3600) return RunWords::tr("%1 h %2 min").arg(whole / 3600).arg(whole / 60 % 60);
    return RunWords::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60);
}

QString runName(const RunView& run) {
    const GenerationParameters& p = run.parameters;
    const QString words = !p.prompt.empty()      ? QString::fromStdString(p.prompt)
                          : !p.className.empty() ? QString::fromStdString(p.className)
                          : p.classId            ? RunWords::tr("class %1").arg(*p.classId)
                                                 : RunWords::tr("run");
    return RunWords::tr("%1, seed %2").arg(words, QString::number(p.seed));
}

QString progressText(const RunProgress& progress) {
    QString text = RunWords::tr("evaluation %1 of %2").arg(progress.done).arg(progress.total);
    if (progress.secondsPerEvaluation > 0) text += RunWords::tr(", %1 each").arg(durationText(progress.secondsPerEvaluation));
    if (progress.secondsLeft >= 0) text += RunWords::tr(", %1 left").arg(durationText(progress.secondsLeft));
    return text;
}

QString endText(const RunView& run) {
    int finished = 0;
    for (const auto& picture : run.pictures) finished += picture ? 1 : 0;
    const QString name = runName(run);
    switch (run.state) {
        case RunState::Cancelled:
            return finished ? RunWords::tr("Cancelled '%1'; %n finished picture(s) kept.", nullptr, finished).arg(name)
                            : RunWords::tr("Cancelled '%1' before a picture was finished.").arg(name);
        case RunState::Failed:
            return RunWords::tr("'%1' broke off: %2").arg(name, run.error ? sentenceOf(*run.error) : QString());
        default: return RunWords::tr("Finished '%1': %n picture(s).", nullptr, finished).arg(name);
    }
}

}  // namespace moescope
