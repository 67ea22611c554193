// SPDX-License-Identifier: GPL-3.0-or-later
// What every part of the window works with, made once by the application and handed down by reference.
#pragma once

#include <filesystem>

namespace moescope {

class CurrentRun;
class EngineService;
class HistoryStore;
class SelectionModel;

/// Lives as long as the window; no ownership.
struct Workbench {
    EngineService& engine;
    SelectionModel& selection;
    CurrentRun& current;
    HistoryStore& history;
    std::filesystem::path resources;  // folder with embedded/, labels/, help/, icons/
};

}  // namespace moescope
