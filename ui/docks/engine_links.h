// SPDX-License-Identifier: GPL-3.0-or-later
// Links the Generate and Model panels with the engine: the only place where these panels meet it.
#pragma once

#include <cstdint>

class QSettings;

namespace moescope {

enum class DeviceChoice : uint8_t;

class GenerateState;
class ModelDock;
class PromptBar;
class QueueDock;
class RecentModels;
class SettingsDock;
struct Workbench;

/// Orders of the bar go to the engine; the engine's model reaches the settings; what was typed and set is kept between starts.
void linkGenerate(Workbench& bench, GenerateState& state, PromptBar& bar, SettingsDock& settings);
void linkQueue(Workbench& bench, QueueDock& queue);
/// `recent` outlives the dock and is kept between starts.
void linkModel(Workbench& bench, RecentModels& recent, ModelDock& dock);

/// The open dialog as the Open... button and the menu show it; opens what is chosen.
void chooseModel(Workbench& bench, RecentModels& recent, ModelDock& dock);

/// The device for now and for later starts.
void chooseDevice(Workbench& bench, DeviceChoice choice);

/// The model that was open at the last end, for the next start; the embedded one when there was none.
struct ModelOrder lastModelOrder(const QSettings& settings);
RecentModels keptRecentModels(const QSettings& settings);

}  // namespace moescope
