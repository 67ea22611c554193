// SPDX-License-Identifier: GPL-3.0-or-later
#undef _FORTIFY_SOURCE  // longjmp between stacks is what fibers are
#include "fibers.h"

#include <ucontext.h>

#include <csetjmp>
#include <memory>
#include <string>

namespace moescope::emulation {

LaunchState launchState;
Order threadOrder = Order::Ascending;

namespace {

constexpr size_t kStackBytes = 128 * 1024;
constexpr int kWarp = 32;

enum class Waits { Nothing, Block, Warp, Over };

struct Fiber {
    Thread thread;
    Waits waits = Waits::Nothing;
    unsigned mask = 0;
    bool started = false;
    std::unique_ptr<unsigned char[]> stack;
    ucontext_t first{};
    std::jmp_buf place{};
};

std::vector<std::unique_ptr<Fiber>> fibers;  // kept from block to block: their stacks are reused
std::vector<std::array<std::array<unsigned char, 128>, 2 * kWarp>> slots;
Fiber* running = nullptr;
std::jmp_buf scheduler;
const std::function<void()>* body = nullptr;
const char* firstFault = nullptr;

// A fiber runs one kernel thread after another and comes back to the scheduler between them.
void fiberMain() {
    for (;;) {
        (*body)();
        running->waits = Waits::Over;
        if (_setjmp(running->place) == 0) _longjmp(scheduler, 1);
    }
}

void resume(Fiber& fiber) {
    running = &fiber;
    if (_setjmp(scheduler) == 0) {
        if (fiber.started) _longjmp(fiber.place, 1);
        fiber.started = true;
        fiber.stack = std::make_unique<unsigned char[]>(kStackBytes);
        getcontext(&fiber.first);
        fiber.first.uc_stack.ss_sp = fiber.stack.get();
        fiber.first.uc_stack.ss_size = kStackBytes;
        fiber.first.uc_link = nullptr;
        makecontext(&fiber.first, fiberMain, 0);
        setcontext(&fiber.first);
    }
    running = nullptr;
}

void waitFor(Waits what, unsigned mask) {
    running->waits = what;
    running->mask = mask;
    if (_setjmp(running->place) == 0) _longjmp(scheduler, 1);
}

/// Lets the lanes of warp [first, end) go on whose whole mask waits with the same mask. True if there were some.
bool releaseWarp(size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
        if (fibers[i]->waits != Waits::Warp) continue;
        const unsigned mask = fibers[i]->mask;
        bool all = true;
        for (size_t j = first; j < end; ++j) {
            const bool asked = (mask >> (j - first)) & 1u;
            if (asked && fibers[j]->waits != Waits::Over &&
                (fibers[j]->waits != Waits::Warp || fibers[j]->mask != mask))
                all = false;
        }
        if (!all) continue;
        unsigned present = 0;
        for (size_t j = first; j < end; ++j)
            if (((mask >> (j - first)) & 1u) && fibers[j]->waits == Waits::Warp) present |= 1u << (j - first);
        for (size_t j = first; j < end; ++j) {
            if (!((present >> (j - first)) & 1u)) continue;
            fibers[j]->waits = Waits::Nothing;
            fibers[j]->thread.present = present;
        }
        return true;
    }
    return false;
}

/// Runs a warp until all its lanes wait for the block or are through.
bool runWarp(size_t first, size_t end) {
    for (;;) {
        for (size_t n = first; n < end; ++n) {
            Fiber& fiber = *fibers[threadOrder == Order::Ascending ? n : end - 1 - (n - first)];
            if (fiber.waits == Waits::Nothing) resume(fiber);
        }
        if (releaseWarp(first, end)) continue;
        for (size_t n = first; n < end; ++n)
            if (fibers[n]->waits == Waits::Warp) return false;
        return true;
    }
}

bool runBlock(size_t threads, std::string& problem) {
    const size_t warps = (threads + kWarp - 1) / kWarp;
    for (;;) {
        bool over = true;
        for (size_t n = 0; n < warps; ++n) {
            const size_t warp = threadOrder == Order::Ascending ? n : warps - 1 - n;
            if (!runWarp(warp * kWarp, std::min(threads, (warp + 1) * kWarp))) {
                problem = "the lanes of a warp wait for different masks";
                return false;
            }
        }
        for (size_t n = 0; n < threads; ++n) {
            if (fibers[n]->waits == Waits::Block) {
                over = false;
                fibers[n]->waits = Waits::Nothing;
            }
        }
        if (over) return true;
    }
}

}  // namespace

Thread& currentThread() {
    return running->thread;
}
void blockBarrier() {
    waitFor(Waits::Block, 0);
}
void warpBarrier(unsigned mask) {
    if (!((mask >> running->thread.lane) & 1u)) fault("a lane is not in its own mask");
    waitFor(Waits::Warp, mask);
}
void fault(const char* what) {
    if (!firstFault) firstFault = what;
}

unsigned char* exchangeSlot(int lane, unsigned turn) {
    return slots[static_cast<size_t>(running->thread.warp)][static_cast<size_t>((turn & 1u) * kWarp + lane)].data();
}

bool runGrid(dim3 grid, dim3 block, size_t sharedBytes, const std::function<void()>& kernel, std::string& problem) {
    const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
    firstFault = nullptr;
    while (fibers.size() < threads) fibers.push_back(std::make_unique<Fiber>());
    slots.resize(32);
    body = &kernel;
    launchState.blockSize = block;
    launchState.gridSize = grid;
    for (unsigned z = 0; z < grid.z; ++z)
        for (unsigned y = 0; y < grid.y; ++y)
            for (unsigned x = 0; x < grid.x; ++x) {
                launchState.block = dim3(x, y, z);
                launchState.shared.assign(sharedBytes, 0xff);  // NaN in every format: what is read unwritten shows
                for (size_t n = 0; n < threads; ++n) {
                    Fiber& fiber = *fibers[n];
                    const unsigned i = static_cast<unsigned>(n);
                    fiber.thread = Thread{};
                    fiber.thread.index = dim3(i % block.x, i / block.x % block.y, i / block.x / block.y);
                    fiber.thread.lane = static_cast<int>(i % kWarp);
                    fiber.thread.warp = static_cast<int>(i / kWarp);
                    fiber.waits = Waits::Nothing;
                }
                if (!runBlock(threads, problem)) return false;
                if (firstFault) {
                    problem = firstFault;
                    return false;
                }
            }
    return true;
}

}  // namespace moescope::emulation
