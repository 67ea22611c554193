// SPDX-License-Identifier: GPL-3.0-or-later
// Work for the pool of threads that belongs together: one piece at a time, in order.
#pragma once

#include <functional>
#include <memory>

namespace moescope {

/// Runs `work` on the global pool. It must own (or share) all that it reads, and not throw.
void runOnPool(std::function<void()> work);

/// Pieces run one after the other, each on some thread of the pool. Made and destroyed on one thread.
class SerialTasks {
public:
    enum class AtEnd { Finish, Drop };  // what the destructor does with pieces that wait
    explicit SerialTasks(AtEnd atEnd);
    /// Waits for the piece that runs, and with AtEnd::Finish for all others.
    ~SerialTasks();
    SerialTasks(const SerialTasks&) = delete;
    SerialTasks& operator=(const SerialTasks&) = delete;

    /// At the end, or before all that wait.
    void add(std::function<void()> work, bool front = false);
    bool idle() const;

private:
    struct State;
    static void drain(const std::shared_ptr<State>& state);
    const AtEnd m_atEnd;
    std::shared_ptr<State> m_state;
};

}  // namespace moescope
