// A convolution by Winograd's transforms (winograd.h) in one kernel: tiles are transformed into the cache, multiplied
// there by the transformed filters, and transformed back; what is between is never written as a whole. Each sum is made
// in the same order however the work is cut.
//
// The gradient of the input is a convolution too, of dy with the filter turned by 180° and its channels exchanged.
#pragma once

#include <vector>

#include "../product.h"
#include "../scratch.h"
#include "filters.h"

namespace modalmix {

// Filters of so many numbers stay near the processor when they are transformed, 36 numbers for 9.
constexpr int64_t SMALL_FILTERS = 256 * 256;

// Small filters: tiles in the second cache with what a block of channels gives for them.
constexpr int64_t TILES_AT_ONCE = 12, CHANNELS_AT_ONCE = 64;
// Large ones: a block of filters in the second cache, with what it gives for tiles in the third.
constexpr int64_t TILES_IN_ALL = 96, OUT_BLOCK = 32, IN_BLOCK = 64;

// Filters that are transformed once, for all tiles. `t` is x's; `addend` may be absent.
template <typename T>
static void convolve_blocks_of_tiles(const Tiling& t, const T* x, const Filters& filters, const T* addend, T* y) {
  const int64_t in = filters.in, out = filters.out, panel = in * COLUMNS_AT_ONCE;
  const int64_t filter_plane = plane_step(panels_of(out) * panel);
  float* u = scratch<Use::FILTERS>(POSITIONS * filter_plane);
  // Parts are whole rows of the filters as they are stored.
  if (filters.back) {
    Pool::instance().run(panels_of(out), [&](int64_t part) {
      const int64_t d = part * COLUMNS_AT_ONCE;
      filters.transform(0, in, d, std::min(COLUMNS_AT_ONCE, out - d), u + part * panel, filter_plane, panel);
    });
  } else {
    Pool::instance().run(in / LANES, [&](int64_t part) {
      filters.transform(part * LANES, LANES, 0, out, u + part * LANES * COLUMNS_AT_ONCE, filter_plane, panel);
    });
  }

  const int64_t bands = t.images * t.rows, most = std::max<int64_t>(1, TILES_AT_ONCE / t.columns);
  const int64_t width = std::min(CHANNELS_AT_ONCE, out), tiles = most * t.columns;
  const int64_t plane = plane_step(tiles * in), product_plane = plane_step(tiles * width);
  const std::vector<T> zeros(t.width * in);
  const Picture<T> picture{t, x, zeros.data()};
  Tiling to = t;
  to.channels = out;
  Pool::instance().run(ceiling(bands, most), [&](int64_t block) {
    const int64_t first = block * most, count = std::min(most, bands - first);
    float* v = scratch<Use::TILES>(POSITIONS * plane);
    float* m = scratch<Use::SUMS>(POSITIONS * product_plane);
    for (int64_t k = 0; k < count; k += 1) {
      transform_band<InputTransform, ALL_CHANNELS>(picture, first + k, {0, in, v + k * t.columns * in, plane, in, 0});
    }
    for (int64_t d = 0; d < out; d += width) {
      const int64_t columns = std::min(width, out - d);
      for (int64_t p = 0; p < POSITIONS; p += 1) {
        multiply<false, false>(count * t.columns, columns, in, v + p * plane, in,
                               u + p * filter_plane + d / COLUMNS_AT_ONCE * panel, panel, m + p * product_plane, width);
      }
      for (int64_t k = 0; k < count; k += 1) {
        band_to_output(to, first + k, m + k * t.columns * width, product_plane, d, columns, width, addend, y);
      }
    }
  });
}

// Pictures whose tiles are few beside the filters: all tiles are transformed first, and the filters a block at a time,
// which is never written either.
template <typename T>
static void convolve_blocks_of_filters(const Tiling& t, const T* x, const Filters& filters, const T* addend, T* y) {
  const int64_t in = filters.in, out = filters.out, bands = t.images * t.rows;
  const int64_t rounds = ceiling(t.used(), TILES_IN_ALL), most = ceiling(bands, rounds), tiles = most * t.columns;
  const int64_t width = std::min(OUT_BLOCK, out), block = tiles * IN_BLOCK;
  const int64_t plane = plane_step(ceiling(in, IN_BLOCK) * block), product_plane = plane_step(tiles * width);
  const int64_t panel = IN_BLOCK * COLUMNS_AT_ONCE, filter_plane = plane_step(panels_of(width) * panel);
  const std::vector<T> zeros(t.width * in);
  const Picture<T> picture{t, x, zeros.data()};
  Tiling to = t;
  to.channels = out;
  float* v = scratch<Use::TILES>(POSITIONS * plane);
  for (int64_t first = 0; first < bands; first += most) {
    const int64_t count = std::min(most, bands - first);
    Pool::instance().run(count, [&](int64_t k) {
      transform_band<InputTransform, IN_BLOCK>(picture, first + k,
                                               {0, in, v + k * t.columns * IN_BLOCK, plane, IN_BLOCK, block});
    });
    Pool::instance().run(ceiling(out, width), [&](int64_t part) {
      float* u = scratch<Use::FILTERS>(POSITIONS * filter_plane);
      float* m = scratch<Use::SUMS>(POSITIONS * product_plane);
      const int64_t d = part * width, columns = std::min(width, out - d);
      for (int64_t c = 0; c < in; c += IN_BLOCK) {
        const int64_t ins = std::min(IN_BLOCK, in - c);
        filters.transform(c, ins, d, columns, u, filter_plane, panel);
        for (int64_t p = 0; p < POSITIONS; p += 1) {
          multiply<false>(count * t.columns, columns, ins, v + p * plane + c / IN_BLOCK * block, IN_BLOCK,
                          u + p * filter_plane, panel, m + p * product_plane, width, c > 0);
        }
      }
      for (int64_t k = 0; k < count; k += 1) {
        band_to_output(to, first + k, m + k * t.columns * width, product_plane, d, columns, width, addend, y);
      }
    });
  }
}

// x [N, H, W, C] → y [N, H, W, D], added to what `addend` holds where there is one; t is x's, and channels come in eights.
template <typename T>
static void convolve(const Tiling& t, const T* x, const Filters& filters, const T* addend, T* y) {
  if (filters.in * filters.out <= SMALL_FILTERS) convolve_blocks_of_tiles(t, x, filters, addend, y);
  else convolve_blocks_of_filters(t, x, filters, addend, y);
}

}  // namespace modalmix
