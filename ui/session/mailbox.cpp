// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/session/mailbox.h"

#include <deque>
#include <mutex>
#include <utility>

#include <QCoreApplication>
#include <QEvent>
#include <QObject>

namespace moescope {

struct Mailbox::Sender::State {
    std::mutex mutex;
    std::deque<std::function<void()>> facts;
    QObject* receiver = nullptr;  // null once the mailbox is gone
    bool woken = false;           // an event is on its way
};

Mailbox::Sender::Sender() : m_state(std::make_unique<State>()) {}
Mailbox::Sender::~Sender() = default;

void Mailbox::Sender::post(std::function<void()> fact) {
    const std::lock_guard lock(m_state->mutex);
    if (!m_state->receiver) return;
    m_state->facts.push_back(std::move(fact));
    if (!std::exchange(m_state->woken, true)) QCoreApplication::postEvent(m_state->receiver, new QEvent(QEvent::User));
}

class Mailbox::Receiver : public QObject {
public:
    explicit Receiver(std::shared_ptr<Sender> sender) : m_sender(std::move(sender)) {}

    bool event(QEvent* event) override {
        if (event->type() != QEvent::User) return QObject::event(event);
        const std::shared_ptr<Sender> sender = m_sender;  // a fact may destroy the mailbox
        Sender::State& state = *sender->m_state;
        std::unique_lock lock(state.mutex);
        state.woken = false;
        // What arrives meanwhile has an event of its own: the loop gets its turn for clicks and paints.
        for (size_t waiting = state.facts.size(); waiting > 0 && !state.facts.empty(); --waiting) {
            const std::function<void()> fact = std::move(state.facts.front());
            state.facts.pop_front();
            lock.unlock();
            fact();
            lock.lock();
        }
        return true;
    }

private:
    std::shared_ptr<Sender> m_sender;
};

Mailbox::Mailbox() : m_sender(std::make_shared<Sender>()), m_receiver(std::make_unique<Receiver>(m_sender)) {
    const std::lock_guard lock(m_sender->m_state->mutex);
    m_sender->m_state->receiver = m_receiver.get();
}

Mailbox::~Mailbox() {
    std::deque<std::function<void()>> dropped;  // destroyed outside of the lock
    const std::lock_guard lock(m_sender->m_state->mutex);
    m_sender->m_state->receiver = nullptr;
    dropped.swap(m_sender->m_state->facts);
}

}  // namespace moescope
