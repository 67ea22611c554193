// SPDX-License-Identifier: GPL-3.0-or-later
// What a person sets once for all runs: a plain value, and the store that keeps it between starts.
#pragma once

#include <QObject>
#include <QString>
#include <cstdint>

#include "engine/backend/backend_table.h"
#include "engine/backend/device_choice.h"
#include "engine/trace/routing_trace.h"

class QSettings;

namespace moescope {

enum class Theme : uint8_t { System, Light, Dark };
enum class Language : uint8_t { System, English, German };

struct Preferences {
    Theme theme = Theme::System;
    Language language = Language::System;     // from the next start
    int threads = 0;                          // 0: one per core; from the next start
    DeviceChoice device = DeviceChoice::Auto; // what models run on
    MsDType storage = MS_F32;                 // of weights in memory: MS_F32 or MS_BF16, of models opened from now on
    qint64 historyQuota = qint64(4) << 30;    // bytes
    bool picturesCarrySettings = true;        // saved PNG files hold the settings that made them
    QString pictureFolder;                    // empty: defaultPictureFolder()
    CaptureLevel capture = CaptureLevel::Assignments;  // what new settings start with

    bool operator==(const Preferences&) const = default;
};

inline constexpr int kMostThreads = 256;
inline constexpr qint64 kSmallestQuota = qint64(100) << 20;
inline constexpr qint64 kLargestQuota = qint64(10) << 40;

/// "MoEscope" in the person's folder for pictures.
QString defaultPictureFolder();
QString pictureFolderOf(const Preferences& preferences);
/// "de", "en" - or the system's, as a locale name: "de_DE".
QString localeNameOf(Language language);

/// What is missing, unknown or out of range in the file becomes the default or the nearest value in range.
Preferences readPreferences(const QSettings& settings);
void writePreferences(QSettings& settings, const Preferences& preferences);

/// The preferences in force; every change is written at once. Lives on the window's thread.
class PreferenceStore : public QObject {
    Q_OBJECT
public:
    /// `settings` outlives the store.
    explicit PreferenceStore(QSettings& settings, QObject* parent = nullptr);

    const Preferences& now() const { return m_now; }
    /// As they were when the program started: what needs a restart still follows these.
    const Preferences& atStart() const { return m_atStart; }
    void set(const Preferences& preferences);

signals:
    void changed(const moescope::Preferences& now, const moescope::Preferences& before);

private:
    QSettings& m_settings;
    Preferences m_now, m_atStart;
};

}  // namespace moescope
