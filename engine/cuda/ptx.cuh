// SPDX-License-Identifier: Apache-2.0
// Machine instructions behind small functions: bf16 and fp16 rounding, tensor-core products, asynchronous copies (sm_80
// and later). The tests have a host version of this header under the same path.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace moescope::cuda {

__device__ __forceinline__ float fromBf16(uint16_t bits) {
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
}

/// Nearest bf16 values, ties to even; `low` in the lower half.
__device__ __forceinline__ uint32_t packBf16(float low, float high) {
    uint32_t packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

__device__ __forceinline__ uint16_t toBf16(float value) {
    return static_cast<uint16_t>(packBf16(value, 0.0f));
}

/// Rounds to fp16, ties to even; too large values become infinite.
__device__ __forceinline__ float roundToHalf(float value) {
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    float rounded;
    asm("cvt.f32.f16 %0, %1;" : "=f"(rounded) : "h"(half));
    return rounded;
}

/// Sine and cosine of an angle in (0, 2 pi] as the special function unit has them, within 2^-20 of the true ones: what
/// curand takes, and with it torch.
__device__ __forceinline__ void quickSineCosine(float angle, float& sine, float& cosine) {
    __sincosf(angle, &sine, &cosine);
}

/// c [16, 8] += a [16, 16] b [16, 8], bf16 operands, fp32 sums; fragments as the PTX manual lays them out.
__device__ __forceinline__ void mmaBf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, "
        "%2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Four 8 x 8 matrices of 16-bit values: lane l names row l % 8 of matrix l / 8 (16 bytes of shared memory) and gets
/// two neighbours of row lane / 4 of each.
__device__ __forceinline__ void loadMatrix4(uint32_t (&r)[4], const void* row) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

/// The same of the transposed matrices.
__device__ __forceinline__ void loadMatrix4Transposed(uint32_t (&r)[4], const void* row) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

/// Copies 16 bytes into shared memory without waiting; zeros where not `valid` (the address must be readable all the
/// same).
__device__ __forceinline__ void copyAsync16(void* shared, const void* global, bool valid) {
    const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global), "r"(bytes) : "memory");
}

/// Closes a group of copies.
__device__ __forceinline__ void commitCopies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most `Pending` of the newest groups are under way. Other threads' copies: a barrier after it.
template <int Pending>
__device__ __forceinline__ void waitCopies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace moescope::cuda
