// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/engine_sentences.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QStringList>
#include <utility>
#include <vector>

namespace moescope {
namespace {

struct Text {
    Q_DECLARE_TR_FUNCTIONS(EngineSentences)
};
/// Parts of sentences.
struct Part {
    Q_DECLARE_TR_FUNCTIONS(EngineReasons)
};

// As sentenceOf() has them after it replaced the names of options. Where two fit, the first counts.
constexpr const char* kSentences[] = {
    // Prompt and settings
    QT_TRANSLATE_NOOP("EngineSentences", "no class of this model fits the prompt %1; did you mean %2?"),
    QT_TRANSLATE_NOOP("EngineSentences", "no class of this model fits the prompt %1; name one of the %2 classes, such as %3"),
    QT_TRANSLATE_NOOP("EngineSentences", "the prompt %1 has no words; name one of the %2 classes, such as %3"),
    QT_TRANSLATE_NOOP("EngineSentences", "class %1 is out of range: this model has classes 0 to %2 (%3 is the null class)"),
    QT_TRANSLATE_NOOP("EngineSentences", "steps should be 1 to %1, found %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "the batch should have 1 to %1 pictures, found %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "the guidance scale should be a number between -1000 and 1000, found %1"),
    QT_TRANSLATE_NOOP("EngineSentences", "the guidance interval should be two times 0 <= LO <= HI <= 1, found %1,%2"),
    QT_TRANSLATE_NOOP("EngineSentences", "the noise scale should be between 0 and 100, found %1"),
    QT_TRANSLATE_NOOP("EngineSentences", "t_eps should be above 0 and at most 1, found %1"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the run would keep %1 and %2 are available; make fewer pictures or steps, or keep only counts of the routing "
                      "(Settings, Advanced)"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the run ended in NaN or infinite values; lower guidance or noise strength, raise steps, or look at the weights "
                      "in the Model panel"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the noise in '%1' has shape %2 where %3 (or %4 for every image) is needed; choose the batch and size that it was "
                      "made for"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' holds %2 tensors and none is called \"noise\"; keep only the noise, or give it that name"),
    QT_TRANSLATE_NOOP("EngineSentences", "cannot open '%1'; give an .npy file that can be read"),
    // Files
    QT_TRANSLATE_NOOP("EngineSentences", "%1 could not be written: the disk is full after %2 bytes; free some space or choose another folder"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 could not be written: the disk quota is used up after %2 bytes; free some space or choose another folder"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 could not be written: the largest allowed file size is reached after %2 bytes; raise the limit or choose another "
                      "disk"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 could not be written (%2); check the disk or choose another folder"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 could not be created: its folder does not exist; create the folder or choose another one"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 could not be created: its folder may not be written to; choose another folder or change its permissions"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 could not be created: expected the name of a file, found a folder; add a file name"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: there is no such file; check the name and the folder"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the file may not be read; change its permissions"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the file could not be opened (%2); check the disk and try again"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: expected a file, found a folder; name a file in it"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the file is empty (0 bytes); fetch or save it again"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the session is damaged: %2; save or copy the session again"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the session's manifest is damaged: %2; save or copy the session again"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1: expected a MoEscope session, found a safetensors file without the schema %2; choose a .moescope file"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 was written by a newer MoEscope (v%2), this program reads session files up to v%3; open it with a newer MoEscope"),
    QT_TRANSLATE_NOOP("EngineSentences", "cannot open '%1'; give a PNG file that can be read"),
    QT_TRANSLATE_NOOP("EngineSentences", "this PNG cannot be read (%1); the file is damaged or is not a PNG"),
    QT_TRANSLATE_NOOP("EngineSentences", "the picture's settings are not JSON that can be read; the file was damaged or edited"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the picture's settings have the schema \"%1\" and this version reads \"%2\"; a newer version of the program may read "
                      "them"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the picture '%1' holds no settings (it was written without them, or by a program that stores none); pictures saved "
                      "here carry theirs"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' is not there; it may have been moved or deleted"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' is neither a session nor a picture of this program, and as a model: %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "that picture is not finished, so there is nothing to save; copy what is on the canvas instead"),
    // Models
    QT_TRANSLATE_NOOP("EngineSentences", "no file or folder '%1'; check the spelling, or open the built-in model"),
    QT_TRANSLATE_NOOP("EngineSentences", "the folder '%1' holds no checkpoint: expected *.safetensors, *.pt or *.pth, or checkpoints/*.pt"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: the file is readable but holds no tensors; choose a file with weights"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1: expected a safetensors file, a safetensors index or a torch checkpoint, found none of them; choose a file with "
                      "weights"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1: expected a checkpoint of torch.save, found %2; nothing in it was executed; choose another file"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1: the file is a TorchScript program, not a checkpoint; save the module's state_dict() with torch.save"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1: the zip archive holds no data.pkl, so it is no torch checkpoint; choose another file"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: %2; fetch or save the file again"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1: %2; fetch the model's files again"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the tensors are of an architecture that this version does not run: %1 tensors such as '%2' %3; nearest: %4. Expected "
                      "one of these in its published layout: %5"),
    QT_TRANSLATE_NOOP("EngineSentences", "the model has no blocks: expected tensors named blocks.0.attn.qkv.weight and so on"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 can not be read from the tensors of this %2, and its shape is none of the released sizes (%3): put the model's "
                      "config beside the file or fill them in in the Model panel"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 of the %2 tensors of a %3 are missing: %4"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the width %1 is not a multiple of the %2 heads; give the right number of heads in the Model panel"),
    QT_TRANSLATE_NOOP("EngineSentences", "top_k should be 1 to %1 (the number of experts), found %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "n_group should divide the %1 experts, found %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "topk_group should be 1 to %1 (n_group), found %2"),
    QT_TRANSLATE_NOOP("EngineSentences", "routed_scaling_factor should be a number other than 0, found %1"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 needs %2 of memory and %3 are available; close other programs, or halve the need by keeping weights as bf16 "
                      "(Model panel)"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 needs %2 of memory and %3 are available; close other programs"),
    QT_TRANSLATE_NOOP("EngineSentences", "cancelled while the model was loading"),
    QT_TRANSLATE_NOOP("EngineSentences", "the tensor '%1' is missing"),
    QT_TRANSLATE_NOOP("EngineSentences", "the tensor '%1' should have shape %2, the file has %3"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the tensor '%1' holds NaN or infinite values; the file is damaged or its training diverged, try another weight set or "
                      "download it again"),
    QT_TRANSLATE_NOOP("EngineSentences", "expected the folder or the file of a VAE, found nothing at %1; check the name"),
    QT_TRANSLATE_NOOP("EngineSentences", "expected JSON in the config.json beside the VAE's weights, found something else; download it again"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "expected an AutoencoderKL with tensors such as decoder.conv_in.weight, found %1 tensors in %2, the first named %3; give "
                      "the folder or file of the model's VAE"),
    // What a network is
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, cross-attention to text of width %4, %5 x %6 latent pixels"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, cross-attention to text of width %4, %5 x %6 pixels"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, self-attention, %4 x %5 latent pixels"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, self-attention, %4 x %5 pixels"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, no attention, %4 x %5 latent pixels"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 levels of %2 channels, %3 layers each, no attention, %4 x %5 pixels"),
    // Mixtures
    QT_TRANSLATE_NOOP("EngineSentences", "the experts are told different things: %1"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' knows %2 of the ensemble's %3 classes; for the others it is given no class"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the expert '%1' follows encoded text, and this version runs no text encoder; choose experts that take a class, or "
                      "nothing"),
    QT_TRANSLATE_NOOP("EngineSentences", "the expert '%1' should be in '%2' beside '%3', and nothing is there; put it there or correct its \"file\""),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the experts of an ensemble share one picture, but '%1' works on %2 and '%3' on %4; choose experts of one kind of picture"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "'%1' predicts noise, and its noise schedule is not known; put its scheduler_config.json beside it, or give %2 (the "
                      "numbers it was trained with) in the ensemble file"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "the expert '%1' of '%2' is an ensemble itself; name the experts of '%3' one by one"),
    QT_TRANSLATE_NOOP("EngineSentences", "all %1 experts are muted; leave at least one to make the picture"),
    // The device
    QT_TRANSLATE_NOOP("EngineSentences", "CUDA is not offered: %1; the CPU can be chosen in the Model panel"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "CUDA is not offered: this build has no CUDA plugin (no %1 in %2); build the program where nvcc is installed"),
    QT_TRANSLATE_NOOP("EngineSentences", "CUDA is not offered: %1 could not be opened (%2); install the CUDA libraries that it names"),
    QT_TRANSLATE_NOOP("EngineSentences", "CUDA is not offered: %1"),
    QT_TRANSLATE_NOOP("EngineSentences", "running on the CPU, because the model needs %1 and the GPU has %2 free"),
    QT_TRANSLATE_NOOP("EngineSentences", "running on the CPU, because the GPU could not be taken: %1"),
    QT_TRANSLATE_NOOP("EngineSentences",
                      "%1 needs %2 of the memory of %3 and %4 are free; close other programs that use it, or halve the need by keeping weights as "
                      "bf16 (Model panel)"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1 needs %2 of the memory of %3 and %4 are free; close other programs that use it"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1, 1 thread"),
    QT_TRANSLATE_NOOP("EngineSentences", "%1, %2 threads"),
    // Why a set of weights was taken
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' as asked for"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1', the only set of weights in the file"),
    QT_TRANSLATE_NOOP("EngineSentences", "'%1' of %2: averaged weights give better pictures"),
};

struct Pattern {
    QRegularExpression whole;
    const char* source;
};

std::vector<Pattern> makePatterns() {
    std::vector<Pattern> patterns;
    for (const char* source : kSentences) {
        QString form = QRegularExpression::escape(QString::fromUtf8(source));
        // "%1" is escaped to "\%1". Every text has its places in order.
        form.replace(QRegularExpression(QStringLiteral("\\\\%\\d")), QStringLiteral("(.+?)"));
        patterns.push_back({QRegularExpression(QRegularExpression::anchoredPattern(form), QRegularExpression::DotMatchesEverythingOption), source});
    }
    return patterns;
}

/// "'a', 'b' or 'c'" and the name of a class, without the words between.
QString translatedList(QString text) {
    text.replace(QStringLiteral("' or '"), Part::tr("%1 or %2").arg(QStringLiteral("'"), QStringLiteral("'")));
    text.replace(QStringLiteral("' and '"), Part::tr("%1 and %2").arg(QStringLiteral("'"), QStringLiteral("'")));
    const std::pair<const char*, QString> told[] = {  // of the experts of a mixture
        {"' takes a class of ", Part::tr("' takes a class of ")},
        {" and the prompt, '", Part::tr(" and the prompt, '")},
        {"' takes the prompt", Part::tr("' takes the prompt")},
        {"' takes encoded text", Part::tr("' takes encoded text")},
        {"' takes nothing", Part::tr("' takes nothing")},
    };
    for (const auto& [phrase, translation] : told) text.replace(QLatin1String(phrase), translation);
    return text;
}

bool hasTranslations() { return Text::tr(kSentences[0]) != QLatin1String(kSentences[0]); }

}  // namespace

QString translatedSentence(const QString& english) {
    if (!hasTranslations()) return english;
    static const std::vector<Pattern> patterns = makePatterns();
    for (const Pattern& pattern : patterns) {
        const auto match = pattern.whole.match(english);
        if (!match.hasMatch()) continue;
        QString text = Text::tr(pattern.source);
        // By hand, as arg() would take a "%1" inside of a file's name for a place.
        static const QRegularExpression place(QStringLiteral("%(\\d)"));
        QString filled;
        qsizetype from = 0;
        for (auto places = place.globalMatch(text); places.hasNext();) {
            const auto found = places.next();
            filled += text.mid(from, found.capturedStart() - from) + translatedList(match.captured(found.captured(1).toInt()));
            from = found.capturedEnd();
        }
        return filled + text.mid(from);
    }
    return english;
}

QString translatedReason(const QString& english) {
    if (!hasTranslations()) return english;
    const std::pair<const char*, QString> phrases[] = {
        {"the words are its name", Part::tr("the words are its name")},
        {"its whole name '", Part::tr("its whole name '")},
        {"its emoji ", Part::tr("its emoji ")},
        {" is in the prompt", Part::tr(" is in the prompt")},
        {"' is in its name and keywords", Part::tr("' is in its name and keywords")},
        {"' are in its name and keywords", Part::tr("' are in its name and keywords")},
        {"' is in its name", Part::tr("' is in its name")},
        {"' are in its name", Part::tr("' are in its name")},
        {"' is in its keywords", Part::tr("' is in its keywords")},
        {"' are in its keywords", Part::tr("' are in its keywords")},
        {"' was read as '", Part::tr("' was read as '")},
    };
    QString text = translatedList(english);
    for (const auto& [phrase, translation] : phrases) text.replace(QLatin1String(phrase), translation);
    return text;
}

}  // namespace moescope
