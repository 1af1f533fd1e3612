// The gradient of a filter by Winograd's transforms (winograd.h) in one kernel: dg = Gᵀ (Vᵀ·Z) G. Each sum is made over
// the tiles in their order, however the work is cut.
#pragma once

#include <vector>

#include "product.h"
#include "scratch.h"
#include "winograd-rows.h"

namespace modalmix {

// Filters of so many numbers: the sums for a row of positions stay in the second cache.
constexpr int64_t SMALL_SUMS = 128 * 128;
// Tiles that are transformed before they are multiplied.
constexpr int64_t TILES_A_SUM = 48;
// Large filters: tiles of this many numbers of both sides are transformed, or the least of them if that is more; the
// sums are those of a block.
constexpr int64_t NUMBERS_A_ROUND = 1 << 16, LEAST_A_ROUND = 48, ROW_BLOCK = 64, COLUMN_BLOCK = 32;

// dU [36, rows, columns], `plane` apart, → dg [3, 3, in, out] from channels c0 and d0 on, added where `add` is set
static void sums_to_filters(const float* sums, int64_t plane, int64_t rows, int64_t columns, int64_t in, int64_t out,
                            int64_t c0, int64_t d0, bool add, float* g) {
  // A row aside first: nine taps that are a power of two apart drive each other out of the cache.
  const int64_t step = columns + 2 * LANES;
  float* row = scratch<Use::TAPS>(9 * step);
  for (int64_t c = 0; c < rows; c += 1) {
    for (int64_t d = 0; d < columns; d += LANES) {
      Vector u[POSITIONS], h[3 * PATCH], taps[9];
      for (int64_t p = 0; p < POSITIONS; p += 1) u[p] = load(sums + p * plane + c * columns + d);
      for (int64_t j = 0; j < PATCH; j += 1) times_gt(u + j, PATCH, h + j, PATCH);
      for (int64_t i = 0; i < 3; i += 1) times_gt(h + i * PATCH, 1, taps + i * 3, 1);
      for (int64_t p = 0; p < 9; p += 1) store(row + p * step + d, taps[p]);
    }
    for (int64_t p = 0; p < 9; p += 1) {
      float* to = g + (p * in + c0 + c) * out + d0;
      for (int64_t d = 0; d < columns; d += LANES) {
        const Vector v = load(row + p * step + d);
        store(to + d, add ? load(to + d) + v : v);
      }
    }
  }
}

// The two pictures of a filter's gradient.
template <typename T>
struct Sides {
  Tiling x_tiling, dy_tiling;
  const T *x, *dy;
  std::vector<T> zeros;

  Sides(const Tiling& t, int64_t out, const T* x, const T* dy)
      : x_tiling(t), dy_tiling(t), x(x), dy(dy), zeros(std::max(t.channels, out)) {
    dy_tiling.channels = out;
  }
  int64_t in() const { return x_tiling.channels; }
  int64_t out() const { return dy_tiling.channels; }
  int64_t tiles() const { return x_tiling.used(); }
};

// sums [6, in, count], `sum_plane` apart and rows `out` apart: those of row `row` of positions, for `count` channels from
// `first` on
template <int row, typename T>
static void row_of_sums(const Sides<T>& sides, int64_t first, int64_t count, float* sums, int64_t sum_plane) {
  const int64_t in = sides.in(), step = in + LANES, panel = TILES_A_SUM * COLUMNS_AT_ONCE;
  const int64_t plane = plane_step(TILES_A_SUM * step), other_plane = plane_step(panels_of(count) * panel);
  float* v = scratch<Use::TILES>(PATCH * plane);
  float* z = scratch<Use::OTHER_TILES>(PATCH * other_plane);
  for (int64_t tile = 0; tile < sides.tiles(); tile += TILES_A_SUM) {
    const int64_t tiles = std::min(TILES_A_SUM, sides.tiles() - tile);
    for (int64_t k = 0; k < tiles; k += 1) {
      row_of_input<row>(sides.x_tiling, sides.x, tile + k, sides.zeros.data(), v + k * step, plane);
      row_of_gradient<row>(sides.dy_tiling, sides.dy, tile + k, first, count, sides.zeros.data(), z + k * COLUMNS_AT_ONCE,
                           other_plane, panel);
    }
    for (int64_t j = 0; j < PATCH; j += 1) {
      multiply<true>(in, count, tiles, v + j * plane, step, z + j * other_plane, panel, sums + j * sum_plane, sides.out(),
                     tile > 0);
    }
  }
}

// Few channels: a part is a row of positions, whose sums stay in the cache, over all tiles.
template <typename T>
static void filter_gradient_by_rows(const Sides<T>& sides, float* g) {
  const int64_t in = sides.in(), out = sides.out(), sum_plane = plane_step(in * out), panels = panels_of(out);
  // With more threads than rows, some of the channels.
  const int64_t blocks = std::min(panels, ceiling(Pool::instance().threads(), PATCH));
  float* sums = scratch<Use::SUMS>(POSITIONS * sum_plane);
  Pool::instance().run(PATCH * blocks, [&](int64_t part) {
    const int64_t row = part / blocks, block = part % blocks;
    const int64_t first = panels * block / blocks * COLUMNS_AT_ONCE;
    const int64_t count = std::min(out, panels * (block + 1) / blocks * COLUMNS_AT_ONCE) - first;
    float* to = sums + row * PATCH * sum_plane + first;
    switch (row) {
      case 0: return row_of_sums<0>(sides, first, count, to, sum_plane);
      case 1: return row_of_sums<1>(sides, first, count, to, sum_plane);
      case 2: return row_of_sums<2>(sides, first, count, to, sum_plane);
      case 3: return row_of_sums<3>(sides, first, count, to, sum_plane);
      case 4: return row_of_sums<4>(sides, first, count, to, sum_plane);
      default: return row_of_sums<5>(sides, first, count, to, sum_plane);
    }
  });
  parallel_ranges(in, 32, [&](int64_t from, int64_t end) {
    sums_to_filters(sums + from * out, sum_plane, end - from, out, in, out, from, 0, false, g);
  });
}

// Many channels, few tiles: both sides are transformed first, then a part is a block of channels, whose sums are
// transformed back at once.
template <typename T>
static void filter_gradient_by_blocks(const Sides<T>& sides, float* g) {
  const int64_t in = sides.in(), out = sides.out();
  const int64_t at_once = std::min(sides.tiles(), std::max(LEAST_A_ROUND, NUMBERS_A_ROUND / (in + out)));
  // Side by side, the channels of a block of rows: [T, 64], and somewhat more so that lines of the cache do not collide.
  constexpr int64_t STEP = ROW_BLOCK + LANES;
  const int64_t columns = std::min(COLUMN_BLOCK, out), ins = ceiling(in, ROW_BLOCK), outs = ceiling(out, columns);
  const int64_t block = at_once * STEP, panel = at_once * COLUMNS_AT_ONCE;
  const int64_t plane = plane_step(ins * block), other_plane = plane_step(panels_of(out) * panel);
  const int64_t sum_plane = plane_step(ROW_BLOCK * columns);
  float* v = scratch<Use::TILES>(POSITIONS * plane);
  float* z = scratch<Use::OTHER_TILES>(POSITIONS * other_plane);
  for (int64_t first = 0; first < sides.tiles(); first += at_once) {
    const int64_t tiles = std::min(at_once, sides.tiles() - first);
    parallel_ranges(tiles, 32, [&](int64_t from, int64_t end) {
      for (int64_t k = from; k < end; k += 1) {
        tile_of_input<ROW_BLOCK>(sides.x_tiling, sides.x, first + k, sides.zeros.data(), v + k * STEP, plane, block);
        tile_of_output_gradient<COLUMNS_AT_ONCE>(sides.dy_tiling, sides.dy, first + k, sides.zeros.data(),
                                                 z + k * COLUMNS_AT_ONCE, other_plane, panel);
      }
    });
    Pool::instance().run(ins * outs, [&](int64_t part) {
      const int64_t c = part / outs * ROW_BLOCK, d = part % outs * columns;
      const int64_t height = std::min(ROW_BLOCK, in - c), width = std::min(columns, out - d);
      float* sums = scratch<Use::SUMS>(POSITIONS * sum_plane);
      for (int64_t p = 0; p < POSITIONS; p += 1) {
        multiply<true, false>(height, width, tiles, v + p * plane + c / ROW_BLOCK * block, STEP,
                              z + p * other_plane + d / COLUMNS_AT_ONCE * panel, panel, sums + p * sum_plane, width);
      }
      sums_to_filters(sums, sum_plane, height, width, in, out, c, d, first > 0, g);
    });
  }
}

// x [N, H, W, C] and dy [N, H, W, D] → dg [3, 3, C, D]; t is x's, and channels come in eights.
template <typename T>
static void winograd_filter_gradient(const Tiling& t, int64_t out, const T* x, const T* dy, float* g) {
  const Sides<T> sides(t, out, x, dy);
  if (sides.in() * out <= SMALL_SUMS) filter_gradient_by_rows(sides, g);
  else filter_gradient_by_blocks(sides, g);
}

}  // namespace modalmix
