// The gradient of a filter by Winograd's transforms (winograd.h) in one kernel: dg = Gᵀ (Vᵀ·Z) G. Each sum is made over
// the tiles in their order, however the work is cut.
#pragma once

#include <vector>

#include "../product.h"
#include "../scratch.h"
#include "bands.h"

namespace modalmix {

// Filters of so many numbers: the sums for a row of positions stay in the second cache.
constexpr int64_t SMALL_SUMS = 128 * 128;
// Tiles that are transformed before they are multiplied.
constexpr int64_t TILES_A_SUM = 72;
// Channels of x side by side: four times the rows of a product.
constexpr int64_t CHANNELS_A_PANEL = 24;
// Large filters: tiles of this many numbers of both sides are transformed, or the least of them if that is more; the
// sums are those of a block.
constexpr int64_t NUMBERS_A_ROUND = 1 << 16, LEAST_A_ROUND = 48, ROW_BLOCK = CHANNELS_A_PANEL, COLUMN_BLOCK = 64;

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
  std::vector<T> zeros;
  Picture<T> x, dy;

  Sides(const Tiling& t, int64_t out, const T* x_numbers, const T* dy_numbers)
      : x_tiling(t),
        dy_tiling(t),
        zeros(t.width * std::max(t.channels, out)),
        x{x_tiling, x_numbers, zeros.data()},
        dy{dy_tiling, dy_numbers, zeros.data()} {
    dy_tiling.channels = out;
  }
  Sides(const Sides&) = delete;

  int64_t in() const { return x_tiling.channels; }
  int64_t out() const { return dy_tiling.channels; }
  int64_t columns() const { return x_tiling.columns; }
  int64_t bands() const { return x_tiling.images * x_tiling.rows; }
};

// sums [6, in, count] = or += Vᵀ·Z of six planes: V in panels of 24 channels, `panel` apart, Z in panels of 16.
template <bool add>
static void add_products(int64_t rows, int64_t columns, int64_t tiles, const float* v, int64_t v_panel, const float* z,
                         int64_t z_panel, float* sums, int64_t step) {
  for (int64_t c = 0; c < rows; c += CHANNELS_A_PANEL) {
    multiply<true, add>(std::min(CHANNELS_A_PANEL, rows - c), columns, tiles, v + c / CHANNELS_A_PANEL * v_panel,
                        CHANNELS_A_PANEL, z, z_panel, sums + c * step, step);
  }
}

// sums [6, in, count], `sum_plane` apart and rows `out` apart: those of row `row` of positions, for `count` channels from
// `first` on
template <int row, typename T>
static void row_of_sums(const Sides<T>& sides, int64_t first, int64_t count, float* sums, int64_t sum_plane) {
  const int64_t in = sides.in(), columns = sides.columns(), most = std::max<int64_t>(1, TILES_A_SUM / columns);
  const int64_t v_panel = most * columns * CHANNELS_A_PANEL, z_panel = most * columns * COLUMNS_AT_ONCE;
  const int64_t plane = plane_step(ceiling(in, CHANNELS_A_PANEL) * v_panel);
  const int64_t other_plane = plane_step(panels_of(count) * z_panel);
  float* v = scratch<Use::TILES>(PATCH * plane);
  float* z = scratch<Use::OTHER_TILES>(PATCH * other_plane);
  for (int64_t band = 0; band < sides.bands(); band += most) {
    const int64_t bands = std::min(most, sides.bands() - band);
    for (int64_t k = 0; k < bands; k += 1) {
      const int64_t tile = k * columns;
      row_of_band<InputTransform, row, CHANNELS_A_PANEL>(
          sides.x, band + k, {0, in, v + tile * CHANNELS_A_PANEL, plane, CHANNELS_A_PANEL, v_panel});
      row_of_band<GradientTransform, row, COLUMNS_AT_ONCE>(
          sides.dy, band + k, {first, count, z + tile * COLUMNS_AT_ONCE, other_plane, COLUMNS_AT_ONCE, z_panel});
    }
    for (int64_t j = 0; j < PATCH; j += 1) {
      const auto add = band > 0 ? add_products<true> : add_products<false>;
      add(in, count, bands * columns, v + j * plane, v_panel, z + j * other_plane, z_panel, sums + j * sum_plane,
          sides.out());
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
  const int64_t in = sides.in(), out = sides.out(), columns = sides.columns();
  const int64_t most = std::max<int64_t>(1, std::max(LEAST_A_ROUND, NUMBERS_A_ROUND / (in + out)) / columns);
  const int64_t at_once = std::min(most, sides.bands());
  const int64_t v_panel = at_once * columns * CHANNELS_A_PANEL, z_panel = at_once * columns * COLUMNS_AT_ONCE;
  const int64_t plane = plane_step(ceiling(in, CHANNELS_A_PANEL) * v_panel), other_plane = plane_step(panels_of(out) * z_panel);
  const int64_t width = std::min(COLUMN_BLOCK, out), ins = ceiling(in, ROW_BLOCK), outs = ceiling(out, width);
  const int64_t sum_plane = plane_step(ROW_BLOCK * width);
  float* v = scratch<Use::TILES>(POSITIONS * plane);
  float* z = scratch<Use::OTHER_TILES>(POSITIONS * other_plane);
  for (int64_t band = 0; band < sides.bands(); band += at_once) {
    const int64_t bands = std::min(at_once, sides.bands() - band);
    Pool::instance().run(bands, [&](int64_t k) {
      const int64_t tile = k * columns;
      transform_band<InputTransform, CHANNELS_A_PANEL>(
          sides.x, band + k, {0, in, v + tile * CHANNELS_A_PANEL, plane, CHANNELS_A_PANEL, v_panel});
      transform_band<GradientTransform, COLUMNS_AT_ONCE>(
          sides.dy, band + k, {0, out, z + tile * COLUMNS_AT_ONCE, other_plane, COLUMNS_AT_ONCE, z_panel});
    });
    Pool::instance().run(ins * outs, [&](int64_t part) {
      const int64_t c = part / outs * ROW_BLOCK, d = part % outs * width;
      const int64_t height = std::min(ROW_BLOCK, in - c), across = std::min(width, out - d);
      float* sums = scratch<Use::SUMS>(POSITIONS * sum_plane);
      for (int64_t p = 0; p < POSITIONS; p += 1) {
        add_products<false>(height, across, bands * columns, v + p * plane + c / CHANNELS_A_PANEL * v_panel, v_panel,
                            z + p * other_plane + d / COLUMNS_AT_ONCE * z_panel, z_panel, sums + p * sum_plane, across);
      }
      sums_to_filters(sums, sum_plane, height, across, in, out, c, d, band > 0, g);
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
