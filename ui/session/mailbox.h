// SPDX-License-Identifier: GPL-3.0-or-later
// Facts from other threads to the window's thread, in order.
#pragma once

#include <functional>
#include <memory>

namespace moescope {

/// Made and destroyed on the thread that has the event loop; there the facts are called, each from the event loop and never from
/// `post`. Nothing is called after destruction. The hand-over is a std::mutex, so that ThreadSanitizer sees what happens before what
/// (the inside of Qt's own event queue is hidden from it).
class Mailbox {
public:
    class Sender;

    Mailbox();
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    /// May outlive the mailbox; what it posts then is dropped.
    const std::shared_ptr<Sender>& sender() const { return m_sender; }

private:
    class Receiver;
    std::shared_ptr<Sender> m_sender;
    std::unique_ptr<Receiver> m_receiver;
};

/// Any thread.
class Mailbox::Sender {
public:
    Sender();
    ~Sender();
    void post(std::function<void()> fact);

private:
    friend class Mailbox;
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace moescope
