// Winograd's transforms (winograd.h) of a band, one row of a picture's tiles, into planes of positions that stay in the
// cache: down the columns first, for one row of positions at a time, over whole lines of the picture; then along.
#pragma once

#include "../scratch.h"
#include "transforms.h"

namespace modalmix {

// From one position's plane of `size` numbers to the next one's: an odd number of the cache's lines, as planes that lie
// a multiple of its ways apart would share the same few places.
static INLINE int64_t plane_step(int64_t size) {
  constexpr int64_t LINE = 2 * LANES;
  return (ceiling(size, LINE) | 1) * LINE;
}

// Where a channel stands in panels of `width` channels, each `panel` behind the one before.
template <int64_t width>
static INLINE int64_t place_in_panels(int64_t channel, int64_t panel) {
  return channel / width * panel + channel % width;
}
constexpr int64_t ALL_CHANNELS = int64_t(1) << 62;

// Rows of Bᵀ
template <int row, typename V>
static INLINE V bt_row(const V* d) {
  switch (row) {
    case 0: return 4 * d[0] - 5 * d[2] + d[4];
    case 1: return (d[4] - 4 * d[2]) + (d[3] - 4 * d[1]);
    case 2: return (d[4] - 4 * d[2]) - (d[3] - 4 * d[1]);
    case 3: return (d[4] - d[2]) + 2 * (d[3] - d[1]);
    case 4: return (d[4] - d[2]) - 2 * (d[3] - d[1]);
    default: return 4 * d[1] - 5 * d[3] + d[5];
  }
}

// Rows of A
template <int row, typename V>
static INLINE V a_row(const V* y) {
  switch (row) {
    case 0: return y[0];
    case 1: return (y[0] + y[2]) + (y[1] + y[3]);
    case 2: return (y[0] + y[2]) - (y[1] + y[3]);
    case 3: return (y[0] + 4 * y[2]) + (2 * y[1] + 8 * y[3]);
    case 4: return (y[0] + 4 * y[2]) - (2 * y[1] + 8 * y[3]);
    default: return y[3];
  }
}

// x → V, 6 in and 6 out
struct InputTransform {
  static constexpr int64_t LINES = PATCH, BEFORE = 1;
  template <int row, typename V>
  static INLINE V down(const V* d) { return bt_row<row>(d); }
  static INLINE void along(const Vector* d, Vector* v) { times_bt(d, 1, v); }
};

// dy → Z, 4 in and 6 out
struct GradientTransform {
  static constexpr int64_t LINES = TILE, BEFORE = 0;
  template <int row, typename V>
  static INLINE V down(const V* d) { return a_row<row>(d); }
  static INLINE void along(const Vector* d, Vector* z) { times_a(d, 1, z, 1); }
};

// A picture's numbers, and zeros for a line outside of it.
template <typename T>
struct Picture {
  const Tiling& t;
  const T* numbers;
  const T* zeros;
};

// Channels that are transformed, and where they go.
struct Part {
  int64_t first, count;  // of the channels
  float* to;
  int64_t plane, tile, panel;  // from one to the next
};

// Row `row` of positions, six planes, of all tiles of a band
template <typename Transform, int row, int64_t width, typename T>
static void row_of_band(const Picture<T>& x, int64_t band, const Part& part) {
  constexpr int64_t LINES = Transform::LINES, BEFORE = Transform::BEFORE;
  const Tiling& t = x.t;
  const int64_t count = part.count, pixels = t.columns * TILE + LINES - TILE, inside = t.width;
  float* line = scratch<Use::LINE>(pixels * count);
  std::memset(line, 0, BEFORE * count * sizeof(float));
  std::memset(line + (BEFORE + inside) * count, 0, (pixels - BEFORE - inside) * count * sizeof(float));
  const T* lines[LINES];
  for (int64_t i = 0; i < LINES; i += 1) {
    const int64_t y = band % t.rows * TILE - BEFORE + i;
    const bool exists = y >= 0 && y < t.height;
    lines[i] = exists ? x.numbers + (band / t.rows * t.height + y) * t.width * t.channels : x.zeros;
  }
  for (int64_t pixel = 0; pixel < inside; pixel += 1) {
    const int64_t from = pixel * t.channels + part.first;
    float* to = line + (BEFORE + pixel) * count;
    each_vector(count, [&](int64_t c, auto zeros) INLINED {
      using V = decltype(zeros);
      V d[LINES];
      for (int64_t i = 0; i < LINES; i += 1) d[i] = load<V>(lines[i] + from + c);
      store(to + c, Transform::template down<row>(d));
    });
  }
  for (int64_t column = 0; column < t.columns; column += 1) {
    const float* from = line + column * TILE * count;
    for (int64_t c = 0; c < count; c += LANES) {
      Vector d[LINES], out[PATCH];
      for (int64_t j = 0; j < LINES; j += 1) d[j] = load(from + j * count + c);
      Transform::along(d, out);
      float* to = part.to + column * part.tile + place_in_panels<width>(c, part.panel);
      for (int64_t j = 0; j < PATCH; j += 1) store(to + j * part.plane, out[j]);
    }
  }
}

// All rows of positions of a band
template <typename Transform, int64_t width, typename T>
static void transform_band(const Picture<T>& x, int64_t band, Part part) {
  const auto next = [&part] { part.to += PATCH * part.plane; };
  row_of_band<Transform, 0, width>(x, band, part), next();
  row_of_band<Transform, 1, width>(x, band, part), next();
  row_of_band<Transform, 2, width>(x, band, part), next();
  row_of_band<Transform, 3, width>(x, band, part), next();
  row_of_band<Transform, 4, width>(x, band, part), next();
  row_of_band<Transform, 5, width>(x, band, part);
}

// M of a band, plane after plane, for `count` channels from `first` on → y, added to what `addend` holds where there is
// one; t is y's
template <typename T>
static void band_to_output(const Tiling& t, int64_t band, const float* m, int64_t plane, int64_t first, int64_t count,
                           int64_t tile, const T* addend, T* y) {
  const int64_t row = band % t.rows * TILE, height = std::min(TILE, t.height - row);
  const int64_t start = (band / t.rows * t.height + row) * t.width * t.channels + first;
  for (int64_t column = 0; column < t.columns; column += 1) {
    const int64_t width = std::min(TILE, t.width - column * TILE);
    for (int64_t c = 0; c < count; c += LANES) {
      Vector d[POSITIONS], h[TILE * PATCH], out[TILE * TILE];
      for (int64_t p = 0; p < POSITIONS; p += 1) d[p] = load(m + p * plane + column * tile + c);
      for (int64_t j = 0; j < PATCH; j += 1) times_at(d + j, PATCH, h + j, PATCH);
      for (int64_t i = 0; i < TILE; i += 1) times_at(h + i * PATCH, 1, out + i * TILE, 1);
      for (int64_t i = 0; i < height; i += 1) {
        for (int64_t j = 0; j < width; j += 1) {
          const int64_t at = start + (i * t.width + column * TILE + j) * t.channels + c;
          const Vector v = out[i * TILE + j];
          store(y + at, addend == nullptr ? v : v + load(addend + at));
        }
      }
    }
  }
}

}  // namespace modalmix
