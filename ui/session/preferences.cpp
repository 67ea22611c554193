// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/preferences.h"

#include <QDir>
#include <QLocale>
#include <QSettings>
#include <QStandardPaths>
#include <algorithm>
#include <array>
#include <utility>

namespace moescope {
namespace {

template <class T>
using Words = std::pair<T, const char*>;

// The words of the settings file; never translated.
constexpr std::array kThemes{Words<Theme>{Theme::System, "system"}, Words<Theme>{Theme::Light, "light"},
                             Words<Theme>{Theme::Dark, "dark"}};
constexpr std::array kLanguages{Words<Language>{Language::System, "system"}, Words<Language>{Language::English, "en"},
                                Words<Language>{Language::German, "de"}};
constexpr std::array kDevices{Words<DeviceChoice>{DeviceChoice::Auto, "auto"}, Words<DeviceChoice>{DeviceChoice::Cpu, "cpu"},
                              Words<DeviceChoice>{DeviceChoice::Cuda, "cuda"}};
constexpr std::array kStorages{Words<MsDType>{MS_F32, "f32"}, Words<MsDType>{MS_BF16, "bf16"}};
constexpr std::array kLevels{
    Words<CaptureLevel>{CaptureLevel::Counts, "counts"}, Words<CaptureLevel>{CaptureLevel::Assignments, "assignments"},
    Words<CaptureLevel>{CaptureLevel::Scores, "scores"}, Words<CaptureLevel>{CaptureLevel::Norms, "norms"}};

template <class T, size_t N>
QString wordOf(const std::array<Words<T>, N>& words, T value) {
    for (const auto& [known, word] : words)
        if (known == value) return QString::fromLatin1(word);
    return QString::fromLatin1(words[0].second);
}

template <class T, size_t N>
T valueOf(const std::array<Words<T>, N>& words, const QVariant& word, T otherwise) {
    for (const auto& [value, known] : words)
        if (word.toString() == QLatin1String(known)) return value;
    return otherwise;
}

template <class Number>
Number inRange(const QVariant& stored, Number low, Number high, Number otherwise) {
    bool isNumber = false;
    const qlonglong number = stored.toLongLong(&isNumber);
    return isNumber ? static_cast<Number>(std::clamp<qlonglong>(number, low, high)) : otherwise;
}

QString key(const char* name) { return QStringLiteral("preferences/") + QLatin1String(name); }

}  // namespace

QString defaultPictureFolder() {
    QString pictures = QStandardPaths::writableLocation(QStandardPaths::PicturesLocation);
    if (pictures.isEmpty()) pictures = QDir::homePath();
    return QDir(pictures).filePath(QStringLiteral("MoEscope"));
}

QString pictureFolderOf(const Preferences& preferences) {
    return preferences.pictureFolder.isEmpty() ? defaultPictureFolder() : preferences.pictureFolder;
}

QString localeNameOf(Language language) {
    if (language != Language::System) return wordOf(kLanguages, language);
    // Not name(), which is the locale of numbers: people have English texts with German numbers.
    const QStringList languages = QLocale::system().uiLanguages();
    return languages.isEmpty() ? QStringLiteral("en") : QLocale(languages.front()).name();
}

Preferences readPreferences(const QSettings& settings) {
    const Preferences defaults;
    Preferences read;
    read.theme = valueOf(kThemes, settings.value(key("theme")), defaults.theme);
    read.language = valueOf(kLanguages, settings.value(key("language")), defaults.language);
    read.threads = inRange(settings.value(key("threads")), 0, kMostThreads, defaults.threads);
    read.device = valueOf(kDevices, settings.value(key("device")), defaults.device);
    read.storage = valueOf(kStorages, settings.value(key("weights")), defaults.storage);
    read.historyQuota = inRange(settings.value(key("historyBytes")), kSmallestQuota, kLargestQuota, defaults.historyQuota);
    read.picturesCarrySettings = settings.value(key("picturesCarrySettings"), defaults.picturesCarrySettings).toBool();
    read.pictureFolder = settings.value(key("pictureFolder")).toString();
    read.capture = valueOf(kLevels, settings.value(key("capture")), defaults.capture);
    return read;
}

void writePreferences(QSettings& settings, const Preferences& preferences) {
    settings.setValue(key("theme"), wordOf(kThemes, preferences.theme));
    settings.setValue(key("language"), wordOf(kLanguages, preferences.language));
    settings.setValue(key("threads"), preferences.threads);
    settings.setValue(key("device"), wordOf(kDevices, preferences.device));
    settings.setValue(key("weights"), wordOf(kStorages, preferences.storage));
    settings.setValue(key("historyBytes"), preferences.historyQuota);
    settings.setValue(key("picturesCarrySettings"), preferences.picturesCarrySettings);
    settings.setValue(key("pictureFolder"), preferences.pictureFolder);
    settings.setValue(key("capture"), wordOf(kLevels, preferences.capture));
}

PreferenceStore::PreferenceStore(QSettings& settings, QObject* parent)
    : QObject(parent), m_settings(settings), m_now(readPreferences(settings)), m_atStart(m_now) {}

void PreferenceStore::set(const Preferences& preferences) {
    if (preferences == m_now) return;
    const Preferences before = std::exchange(m_now, preferences);
    writePreferences(m_settings, m_now);
    emit changed(m_now, before);
}

}  // namespace moescope

#include "moc_preferences.cpp"
