// Matrix products of pieces that lie in the cache.
#pragma once

#include "parallel.h"
#include "vector.h"

namespace modalmix {

// What is summed up in registers at once: 12 of the 16 that AVX2 has.
constexpr int64_t ROWS_AT_ONCE = 6, COLUMNS_AT_ONCE = 2 * LANES;

// The second factor comes in panels of 16 columns.
static INLINE int64_t panels_of(int64_t columns) { return ceiling(columns, COLUMNS_AT_ONCE); }

// to [rows, 8 · vectors] = or += Σ over `count` of a[row, k] · b[k], b in rows of 16
template <int rows, int vectors, bool across, bool add>
static __attribute__((noinline)) void multiply_tile(int64_t count, const float* a, int64_t a_step, const float* b,
                                                    float* to, int64_t to_step) {
  Vector sum[rows][vectors];
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) sum[i][j] = add ? load(to + i * to_step + j * LANES) : Vector{};
  }
  for (int64_t k = 0; k < count; k += 1) {
    Vector row[vectors];
    for (int j = 0; j < vectors; j += 1) row[j] = load(b + k * COLUMNS_AT_ONCE + j * LANES);
    for (int i = 0; i < rows; i += 1) {
      const float factor = across ? a[k * a_step + i] : a[i * a_step + k];
      for (int j = 0; j < vectors; j += 1) sum[i][j] += factor * row[j];
    }
  }
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) store(to + i * to_step + j * LANES, sum[i][j]);
  }
}

template <int vectors, bool across, bool add>
static INLINE void multiply_rows(int64_t rows, int64_t count, const float* a, int64_t a_step, const float* b, float* to,
                                 int64_t to_step) {
  switch (rows) {
    case 6: return multiply_tile<6, vectors, across, add>(count, a, a_step, b, to, to_step);
    case 5: return multiply_tile<5, vectors, across, add>(count, a, a_step, b, to, to_step);
    case 4: return multiply_tile<4, vectors, across, add>(count, a, a_step, b, to, to_step);
    case 3: return multiply_tile<3, vectors, across, add>(count, a, a_step, b, to, to_step);
    case 2: return multiply_tile<2, vectors, across, add>(count, a, a_step, b, to, to_step);
    default: return multiply_tile<1, vectors, across, add>(count, a, a_step, b, to, to_step);
  }
}

// to [rows, columns] = or += a [rows, count] · b [count, columns]. The second factor comes in panels of 16 columns,
// `b_panel` apart, each [count, 16]. The order of each sum does not depend on how the rows are grouped.
//
// across: the first factor is stored as [count, rows].
// add: `to` holds sums already.
template <bool across, bool add>
static void multiply(int64_t rows, int64_t columns, int64_t count, const float* a, int64_t a_step, const float* b,
                     int64_t b_panel, float* to, int64_t to_step) {
  // Groups as even as can be: one that is small keeps the processor waiting for its own sums.
  const int64_t groups = ceiling(rows, ROWS_AT_ONCE);
  for (int64_t column = 0; column < columns; column += COLUMNS_AT_ONCE, b += b_panel) {
    for (int64_t group = 0; group < groups; group += 1) {
      const int64_t row = rows * group / groups, height = rows * (group + 1) / groups - row;
      const float* from = a + (across ? row : row * a_step);
      float* at = to + row * to_step + column;
      if (columns - column > LANES) multiply_rows<2, across, add>(height, count, from, a_step, b, at, to_step);
      else multiply_rows<1, across, add>(height, count, from, a_step, b, at, to_step);
    }
  }
}

template <bool across>
static INLINE void multiply(int64_t rows, int64_t columns, int64_t count, const float* a, int64_t a_step, const float* b,
                            int64_t b_panel, float* to, int64_t to_step, bool add) {
  if (add) multiply<across, true>(rows, columns, count, a, a_step, b, b_panel, to, to_step);
  else multiply<across, false>(rows, columns, count, a, a_step, b, b_panel, to, to_step);
}

}  // namespace modalmix
