// SPDX-License-Identifier: Apache-2.0
// Which of several equal values are among the k largest. PyTorch on the CPU leaves that to std::nth_element (or
// std::partial_sort where 64 k <= n) over (value, place) compared by value, descending, NaN first; published routings
// depend on it. This makes the same swaps in the same order, on one thread.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace moescope::cuda {

struct RankedValue {
    float value;
    int32_t index;
};

__device__ inline bool ranksBefore(RankedValue a, RankedValue b) {
    return (isnan(a.value) && !isnan(b.value)) || a.value > b.value;
}

__device__ inline void swapRanked(RankedValue* v, int a, int b) {
    const RankedValue kept = v[a];
    v[a] = v[b];
    v[b] = kept;
}

/// Puts `value` into the heap v[0, n) (the value that ranks last on top) whose place `hole` is free.
__device__ inline void siftIntoHeap(RankedValue* v, int hole, int n, RankedValue value) {
    const int top = hole;
    int child = hole;
    while (child < (n - 1) / 2) {
        child = 2 * (child + 1);
        if (ranksBefore(v[child], v[child - 1])) --child;
        v[hole] = v[child];
        hole = child;
    }
    if (n % 2 == 0 && child == (n - 2) / 2) {
        child = 2 * (child + 1);
        v[hole] = v[child - 1];
        hole = child - 1;
    }
    for (int parent = (hole - 1) / 2; hole > top && ranksBefore(v[parent], value); parent = (hole - 1) / 2) {
        v[hole] = v[parent];
        hole = parent;
    }
    v[hole] = value;
}

/// The k first-ranking of v[0, n) come to its front, as a heap.
__device__ inline void selectByHeap(RankedValue* v, int k, int n) {
    for (int parent = (k - 2) / 2; k >= 2 && parent >= 0; --parent) siftIntoHeap(v, parent, k, v[parent]);
    for (int i = k; i < n; ++i) {
        if (!ranksBefore(v[i], v[0])) continue;
        const RankedValue value = v[i];
        v[i] = v[0];
        siftIntoHeap(v, 0, k, value);
    }
}

/// Swaps the median of v[a], v[b], v[c] into v[to].
__device__ inline void medianTo(RankedValue* v, int to, int a, int b, int c) {
    if (ranksBefore(v[a], v[b]))
        swapRanked(v, to, ranksBefore(v[b], v[c]) ? b : ranksBefore(v[a], v[c]) ? c : a);
    else
        swapRanked(v, to, ranksBefore(v[a], v[c]) ? a : ranksBefore(v[b], v[c]) ? c : b);
}

__device__ inline void insertionSort(RankedValue* v, int first, int last) {
    for (int i = first + 1; i < last; ++i) {
        const RankedValue value = v[i];
        int place = i;
        if (ranksBefore(value, v[first]))
            for (; place > first; --place) v[place] = v[place - 1];
        else
            for (; ranksBefore(value, v[place - 1]); --place) v[place] = v[place - 1];
        v[place] = value;
    }
}

/// Rearranges v so that the k (0 < k <= n) that are chosen stand in front.
__device__ inline void selectWithTies(RankedValue* v, int k, int n) {
    if (int64_t{64} * k <= n) return selectByHeap(v, k, n);
    int rounds = 0;
    for (int size = n; size > 1; size /= 2) rounds += 2;
    const int nth = k - 1;
    int first = 0, last = n;
    while (last - first > 3) {
        if (rounds-- == 0) {
            selectByHeap(v + first, nth + 1 - first, last - first);
            swapRanked(v, first, nth);
            return;
        }
        medianTo(v, first, first + 1, first + (last - first) / 2, last - 1);
        const RankedValue pivot = v[first];
        int left = first + 1, right = last;
        for (;;) {
            while (ranksBefore(v[left], pivot)) ++left;
            --right;
            while (ranksBefore(pivot, v[right])) --right;
            if (left >= right) break;
            swapRanked(v, left, right);
            ++left;
        }
        if (left <= nth)
            first = left;
        else
            last = left;
    }
    insertionSort(v, first, last);
}

}  // namespace moescope::cuda
