// Matrix products of pieces that lie in the cache.
#pragma once

#include "parallel.h"
#include "vector.h"

namespace modalmix {

// Rows that are summed up in registers at once, by two vectors: 12 of the 16 registers that AVX2 has, of 32 that AVX-512
// has.
constexpr int64_t ROWS_AT_ONCE = 6, COLUMNS_AT_ONCE = 2 * LANES;

// The second factor comes in panels of 16 columns.
static INLINE int64_t panels_of(int64_t columns) { return ceiling(columns, COLUMNS_AT_ONCE); }

// to [rows, vectors] = or += Σ over `count` of a[row, k] · b[k], b in rows of 16, its vectors `b_next` apart
template <typename V, int rows, int vectors, bool across, bool add>
static __attribute__((noinline)) void multiply_tile(int64_t count, const float* a, int64_t a_step, const float* b,
                                                    int64_t b_next, float* to, int64_t to_step) {
  V sum[rows][vectors];
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) sum[i][j] = add ? load<V>(to + i * to_step + j * LANES_OF<V>) : V{};
  }
  for (int64_t k = 0; k < count; k += 1) {
    V row[vectors];
    for (int j = 0; j < vectors; j += 1) row[j] = load<V>(b + k * COLUMNS_AT_ONCE + j * b_next);
    for (int i = 0; i < rows; i += 1) {
      const float factor = across ? a[k * a_step + i] : a[i * a_step + k];
      for (int j = 0; j < vectors; j += 1) sum[i][j] += factor * row[j];
    }
  }
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) store(to + i * to_step + j * LANES_OF<V>, sum[i][j]);
  }
}

template <typename V, int vectors, bool across, bool add>
static INLINE void multiply_rows(int64_t rows, int64_t count, const float* a, int64_t a_step, const float* b, int64_t b_next,
                          float* to, int64_t to_step) {
  // Groups as even as can be: one that is small keeps the processor waiting for its own sums.
  const int64_t groups = ceiling(rows, ROWS_AT_ONCE);
  for (int64_t group = 0; group < groups; group += 1) {
    const int64_t row = rows * group / groups, height = rows * (group + 1) / groups - row;
    const float* from = a + (across ? row : row * a_step);
    float* at = to + row * to_step;
    const auto tile = [&](auto multiply) INLINED { multiply(count, from, a_step, b, b_next, at, to_step); };
    switch (height) {
      case 6: tile(multiply_tile<V, 6, vectors, across, add>); break;
      case 5: tile(multiply_tile<V, 5, vectors, across, add>); break;
      case 4: tile(multiply_tile<V, 4, vectors, across, add>); break;
      case 3: tile(multiply_tile<V, 3, vectors, across, add>); break;
      case 2: tile(multiply_tile<V, 2, vectors, across, add>); break;
      default: tile(multiply_tile<V, 1, vectors, across, add>);
    }
  }
}

// to [rows, columns] = or += a [rows, count] · b [count, columns]; columns come in eights. The second factor comes in
// panels of 16 columns, `b_panel` apart, each [count, 16]. The order of each sum does not depend on how the rows are
// grouped, nor on the lanes.
//
// across: the first factor is stored as [count, rows].
// add: `to` holds sums already.
template <bool across, bool add>
static void multiply(int64_t rows, int64_t columns, int64_t count, const float* a, int64_t a_step, const float* b,
                     int64_t b_panel, float* to, int64_t to_step) {
  int64_t column = 0;
  if constexpr (HAS_WIDE) {
    for (; column + 2 * COLUMNS_AT_ONCE <= columns; column += 2 * COLUMNS_AT_ONCE, b += 2 * b_panel) {
      multiply_rows<Wide, 2, across, add>(rows, count, a, a_step, b, b_panel, to + column, to_step);
    }
    if (column + COLUMNS_AT_ONCE <= columns) {
      multiply_rows<Wide, 1, across, add>(rows, count, a, a_step, b, 0, to + column, to_step);
      column += COLUMNS_AT_ONCE, b += b_panel;
    }
  }
  for (; column + COLUMNS_AT_ONCE <= columns; column += COLUMNS_AT_ONCE, b += b_panel) {
    multiply_rows<Vector, 2, across, add>(rows, count, a, a_step, b, LANES, to + column, to_step);
  }
  if (column < columns) multiply_rows<Vector, 1, across, add>(rows, count, a, a_step, b, 0, to + column, to_step);
}

template <bool across>
static INLINE void multiply(int64_t rows, int64_t columns, int64_t count, const float* a, int64_t a_step, const float* b,
                            int64_t b_panel, float* to, int64_t to_step, bool add) {
  if (add) multiply<across, true>(rows, columns, count, a, a_step, b, b_panel, to, to_step);
  else multiply<across, false>(rows, columns, count, a, a_step, b, b_panel, to, to_step);
}

}  // namespace modalmix
