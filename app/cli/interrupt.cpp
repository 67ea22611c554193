// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/interrupt.h"

#include <chrono>
#include <csignal>
#include <thread>

#include <pthread.h>

namespace moescope::cli {
namespace {

std::stop_source& source() {
    static std::stop_source stop;
    return stop;
}

}  // namespace

void watchInterrupts() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    source();
    std::thread([signals] {
        int received = 0;
        sigwait(&signals, &received);
        source().request_stop();
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // from here on the system's own handling
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }).detach();
}

std::stop_token interruptToken() { return source().get_token(); }

}  // namespace moescope::cli
