// Winograd's transformed filters (winograd.h), in the order in which products read them.
#pragma once

#include "../product.h"
#include "../scratch.h"
#include "bands.h"

namespace modalmix {

// 8 × 8 numbers, rows and columns exchanged
static INLINE void transpose(Vector* v) {
  Vector a[8], b[8];
  for (int i = 0; i < 4; i += 1) {
    a[2 * i] = SHUFFLE(v[2 * i], v[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    a[2 * i + 1] = SHUFFLE(v[2 * i], v[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 2; i += 1) {
    for (int j = 0; j < 2; j += 1) {
      b[4 * i + j] = SHUFFLE(a[4 * i + j], a[4 * i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[4 * i + j + 2] = SHUFFLE(a[4 * i + j], a[4 * i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int j = 0; j < 4; j += 1) {
    v[j] = SHUFFLE(b[j], b[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    v[j + 4] = SHUFFLE(b[j], b[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

static INLINE void filter_patch(const Vector* g, Vector* u) {
  Vector h[PATCH * 3];
  for (int64_t j = 0; j < 3; j += 1) times_g(g + j, 3, h + j, 3);
  for (int64_t i = 0; i < PATCH; i += 1) times_g(h + i * 3, 1, u + i * PATCH, 1);
}

// Filters from `in` channels to `out`; back: those of the gradient of the input, from g [3, 3, out, in].
struct Filters {
  const float* g;
  int64_t in, out;
  bool back;

  // Transformed, plane after plane, each in panels of 16 channels that come out: [ins, 16]; they come in eights.
  void transform(int64_t c0, int64_t ins, int64_t d0, int64_t outs, float* to, int64_t plane, int64_t panel) const {
    // Aside first, one tap after the other: nine that are a power of two apart drive each other out of the cache.
    const int64_t rows = back ? outs : ins, columns = back ? ins : outs;
    const int64_t row0 = back ? d0 : c0, column0 = back ? c0 : d0, height = back ? out : in, width = back ? in : out;
    const int64_t step = rows * columns + 2 * LANES;
    float* taps = scratch<Use::TAPS>(9 * step);
    for (int64_t p = 0; p < 9; p += 1) {
      for (int64_t row = 0; row < rows; row += 1) {
        copy(taps + p * step + row * columns, g + (p * height + row0 + row) * width + column0, columns);
      }
    }
    for (int64_t c = 0; c < ins; c += back ? LANES : 1) {
      for (int64_t d = 0; d < outs; d += LANES) {
        float* at = to + place_in_panels<COLUMNS_AT_ONCE>(d, panel) + c * COLUMNS_AT_ONCE;
        if (back) backward(taps + d * ins + c, step, ins, at, plane);
        else forward(taps + c * outs + d, step, at, plane);
      }
    }
  }

 private:
  static INLINE void forward(const float* taps, int64_t step, float* to, int64_t plane) {
    Vector g[9], u[POSITIONS];
    for (int64_t p = 0; p < 9; p += 1) g[p] = load(taps + p * step);
    filter_patch(g, u);
    for (int64_t p = 0; p < POSITIONS; p += 1) store(to + p * plane, u[p]);
  }

  static INLINE void backward(const float* taps, int64_t step, int64_t row, float* to, int64_t plane) {
    Vector u[LANES][POSITIONS];
    for (int64_t k = 0; k < LANES; k += 1) {
      Vector g[9];
      for (int64_t p = 0; p < 9; p += 1) g[8 - p] = load(taps + p * step + k * row);
      filter_patch(g, u[k]);
    }
    for (int64_t p = 0; p < POSITIONS; p += 1) {
      Vector square[LANES];
      for (int64_t k = 0; k < LANES; k += 1) square[k] = u[k][p];
      transpose(square);
      for (int64_t k = 0; k < LANES; k += 1) store(to + p * plane + k * COLUMNS_AT_ONCE, square[k]);
    }
  }
};

}  // namespace modalmix
