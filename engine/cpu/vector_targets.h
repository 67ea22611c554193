// SPDX-License-Identifier: Apache-2.0
// The instruction levels that the CPU device's vector code is compiled for. Include before any Highway header.
#pragma once

// AVX3 (AVX-512), AVX2 and SSE4 remain, with the scalar fallback; the levels between them gain nothing here.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
