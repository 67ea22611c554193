// SPDX-License-Identifier: Apache-2.0
// The reference rotary position embeddings in two dimensions, on one head of one token.
#pragma once

#include "engine/reference/matrix.h"

namespace moescope::reference {

/// The pair (a, b) turned by an angle: (a cos - b sin, b cos + a sin) (Su et al., 2021, equation 13).
template <class T>
void turnPair(T& a, T& b, T cos, T sin) {
    const T turned = a * cos - b * sin;
    b = b * cos + a * sin;
    a = turned;
}

/// head [d] = (row half | column half); in each half channel i turns with channel i + d/4. cos, sin: row `token` of
/// tables [tokens, d/2] = (row angles of d/4 | column angles of d/4).
template <class T>
void rotateSplitHalves(T* head, int64_t d, const Matrix<T>& cos, const Matrix<T>& sin, int64_t token) {
    const int64_t quarter = d / 4;
    for (int64_t axis = 0; axis < 2; ++axis)
        for (int64_t i = 0; i < quarter; ++i) {
            T* pair = head + axis * 2 * quarter + i;
            turnPair(pair[0], pair[quarter], cos(token, axis * quarter + i), sin(token, axis * quarter + i));
        }
}

/// Channels 2i and 2i + 1 turn by angle i. cos, sin: row `token` of tables [tokens, d/2].
template <class T>
void rotateAdjacentPairs(T* head, int64_t d, const Matrix<T>& cos, const Matrix<T>& sin, int64_t token) {
    for (int64_t i = 0; i < d / 2; ++i) turnPair(head[2 * i], head[2 * i + 1], cos(token, i), sin(token, i));
}

}  // namespace moescope::reference
