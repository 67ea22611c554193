// SPDX-License-Identifier: GPL-3.0-or-later
// Runs the threads of a CUDA block as fibers of one host thread, with the barriers and exchanges of blocks and warps.
//
// A thread runs until it waits, so one warp gets as far ahead of the others as the barriers allow, and lanes of a warp
// run one after another: reads without the barrier they need see old values. The order of threads can be turned round.
// What a device would refuse or leave undefined is a fault of the launch: an exchange with a lane that does not take
// part, an address that is not aligned.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace moescope::emulation {

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

/// A copy into shared memory that becomes visible only when it is waited for.
struct DelayedCopy {
    void* target;
    std::array<unsigned char, 16> bytes;
};

/// What a device thread knows of itself.
struct Thread {
    dim3 index{0, 0, 0};
    int lane = 0, warp = 0;
    unsigned exchanges = 0;                                       // made so far: neighbouring ones use different slots
    unsigned present = 0;                                         // lanes that took part in the last exchange
    std::vector<std::vector<DelayedCopy>> copies{1};              // groups, the open one last
    std::vector<std::vector<std::function<void()>>> products{1};  // asynchronous ones likewise
    bool unshownCopies = false;                                   // waited for, but not yet for asynchronous products
};

struct LaunchState {
    dim3 block{0, 0, 0}, blockSize, gridSize;
    std::vector<unsigned char> shared;
};

extern LaunchState launchState;
Thread& currentThread();

void blockBarrier();
void warpBarrier(unsigned mask);

/// The kernel that runs does what a device would not: its launch fails. Of several the first is told.
void fault(const char* what);
inline void requireAligned16(const void* address, const char* what) {
    if (reinterpret_cast<uintptr_t>(address) % 16 != 0) fault(what);
}

/// 128 bytes that a lane shows to the others of its warp, in turn in one of two places.
unsigned char* exchangeSlot(int lane, unsigned turn);

/// What the lanes of a warp have shown to each other.
template <class T>
struct WarpValues {
    unsigned turn, present;

    bool has(int lane) const { return (present >> lane) & 1u; }
    T operator()(int lane) const {
        if (!has(lane)) fault("a lane asks one that takes no part in the exchange");
        T other;
        std::memcpy(&other, exchangeSlot(lane, turn), sizeof(T));
        return other;
    }
};

/// Leaves `value` where the other lanes see it, waits for the lanes of the mask and lets `reader` have what they left.
template <class T, class Reader>
auto shareInWarp(unsigned mask, const T& value, const Reader& reader) {
    static_assert(sizeof(T) <= 128);
    Thread& self = currentThread();
    const unsigned turn = self.exchanges++;
    std::memcpy(exchangeSlot(self.lane, turn), &value, sizeof(T));
    warpBarrier(mask);
    return reader(WarpValues<T>{turn, self.present});
}

template <class T>
T exchange(unsigned mask, T value, int source) {
    return shareInWarp(mask, value, [source](const auto& of) { return of(source & 31); });
}

/// One thread after another in ascending or descending order within a warp, and warps likewise.
enum class Order { Ascending, Descending };
extern Order threadOrder;

/// Runs all blocks of a grid. False, with a sentence, where the threads of a block wait for different things.
bool runGrid(dim3 grid, dim3 block, size_t sharedBytes, const std::function<void()>& kernel, std::string& problem);

class Stream;
class Event;
class Graph;

/// A broken device refuses every call, as after a kernel's fault.
bool isBroken();
void breakDevice();

/// Puts work into a stream (or into the graph that it records).
void enqueue(Stream* stream, std::function<bool()> work);

}  // namespace moescope::emulation
