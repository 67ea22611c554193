// SPDX-License-Identifier: GPL-3.0-or-later
// What every part of the window works with, made once by the application and handed down by reference.
#pragma once

#include <filesystem>

class QSettings;

namespace moescope {

class CurrentRun;
class EngineService;
class EventLog;
class HistoryStore;
class PreferenceStore;
class SelectionModel;

/// Everything lives longer than the window; no ownership.
struct Workbench {
    EngineService& engine;
    SelectionModel& selection;
    CurrentRun& current;
    HistoryStore& history;
    PreferenceStore& preferences;
    EventLog& log;
    QSettings& settings;              // layout, last model, prompts
    std::filesystem::path resources;  // folder with embedded/, labels/, help/
};

}  // namespace moescope
