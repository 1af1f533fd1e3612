// One row of a tile's transformed numbers, 6 of the 36: whoever works on a row needs no more of them.
#pragma once

#include "product.h"
#include "winograd-tiles.h"

namespace modalmix {

// Row `row` of Bᵀ times six vectors that are `s` apart.
template <int row>
static INLINE Vector bt_row(const Vector* d, int64_t s) {
  switch (row) {
    case 0: return 4 * d[0] - 5 * d[2 * s] + d[4 * s];
    case 1: return (d[4 * s] - 4 * d[2 * s]) + (d[3 * s] - 4 * d[s]);
    case 2: return (d[4 * s] - 4 * d[2 * s]) - (d[3 * s] - 4 * d[s]);
    case 3: return (d[4 * s] - d[2 * s]) + 2 * (d[3 * s] - d[s]);
    case 4: return (d[4 * s] - d[2 * s]) - 2 * (d[3 * s] - d[s]);
    default: return 4 * d[s] - 5 * d[3 * s] + d[5 * s];
  }
}

// Row `row` of A times four vectors that are `s` apart.
template <int row>
static INLINE Vector a_row(const Vector* y, int64_t s) {
  switch (row) {
    case 0: return y[0];
    case 1: return (y[0] + y[2 * s]) + (y[s] + y[3 * s]);
    case 2: return (y[0] + y[2 * s]) - (y[s] + y[3 * s]);
    case 3: return (y[0] + 4 * y[2 * s]) + (2 * y[s] + 8 * y[3 * s]);
    case 4: return (y[0] + 4 * y[2 * s]) - (2 * y[s] + 8 * y[3 * s]);
    default: return y[3 * s];
  }
}

// Row `row` of a tile's V
template <int row, typename T>
static void row_of_input(const Tiling& t, const T* x, int64_t tile, const T* zeros, float* v, int64_t plane) {
  const Place place(t, tile);
  const Window<T, PATCH> window(t, x, place.image, place.row - 1, place.column - 1, zeros);
  for (int64_t c = 0; c < t.channels; c += LANES) {
    Vector d[POSITIONS], h[PATCH], out[PATCH];
    for (int64_t p = 0; p < POSITIONS; p += 1) d[p] = load(window.pixels[p] + c);
    for (int64_t j = 0; j < PATCH; j += 1) h[j] = bt_row<row>(d + j, PATCH);
    times_bt(h, 1, out);
    for (int64_t j = 0; j < PATCH; j += 1) store(v + j * plane + c, out[j]);
  }
}

// Row `row` of a tile's Z for `count` channels from `first` on, in panels of 16
template <int row, typename T>
static void row_of_gradient(const Tiling& t, const T* dy, int64_t tile, int64_t first, int64_t count, const T* zeros,
                            float* z, int64_t plane, int64_t panel) {
  const Place place(t, tile);
  const Window<T, TILE> window(t, dy, place.image, place.row, place.column, zeros);
  for (int64_t c = 0; c < count; c += LANES) {
    Vector d[TILE * TILE], h[TILE], out[PATCH];
    for (int64_t p = 0; p < TILE * TILE; p += 1) d[p] = load(window.pixels[p] + first + c);
    for (int64_t j = 0; j < TILE; j += 1) h[j] = a_row<row>(d + j, TILE);
    times_a(h, 1, out, 1);
    float* to = z + place_in_panels<COLUMNS_AT_ONCE>(c, panel);
    for (int64_t j = 0; j < PATCH; j += 1) store(to + j * plane, out[j]);
  }
}

}  // namespace modalmix
