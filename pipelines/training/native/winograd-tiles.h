// One tile of Winograd's transforms (winograd.h): from pictures into the transformed domain and back, for a block of
// tiles that stays in the cache.
#pragma once

#include "winograd.h"

namespace modalmix {

// From one position's plane of `size` numbers to the next one's: an odd number of the cache's lines, as planes that lie
// a multiple of its ways apart would share the same few places.
static inline int64_t plane_step(int64_t size) {
  constexpr int64_t LINE = 2 * LANES;
  return ((size + LINE - 1) / LINE | 1) * LINE;
}

// A tile's place: in which picture, and where its outputs begin.
struct Place {
  int64_t image, row, column;

  Place(const Tiling& t, int64_t tile) {
    const int64_t per_image = t.rows * t.columns, within = tile % per_image;
    image = tile / per_image;
    row = within / t.columns * TILE;
    column = within % t.columns * TILE;
  }
};

// Where each pixel of a window of a picture begins; outside of it there are zeros.
template <typename T, int64_t size>
struct Window {
  const T* pixels[size * size];

  Window(const Tiling& t, const T* x, int64_t image, int64_t top, int64_t left, const T* zeros) {
    for (int64_t i = 0; i < size; i += 1) {
      const int64_t y = top + i;
      const bool inside = y >= 0 && y < t.height;
      const T* line = x + ((image * t.height + y) * t.width + left) * t.channels;
      for (int64_t j = 0; j < size; j += 1) {
        const bool within = inside && left + j >= 0 && left + j < t.width;
        pixels[i * size + j] = within ? line + j * t.channels : zeros;
      }
    }
  }
};

static INLINE void input_patch(Vector* d) {
  Vector h[POSITIONS];
  for (int64_t j = 0; j < PATCH; j += 1) times_bt(d + j, PATCH, h + j);
  for (int64_t i = 0; i < PATCH; i += 1) times_bt(h + i * PATCH, 1, d + i * PATCH);
}

// Where a tile's channels go: in panels of so many, each `panel` behind the one before.
constexpr int64_t ALL = int64_t(1) << 62;

template <int64_t width>
static INLINE int64_t place_in_panels(int64_t channel, int64_t panel) {
  return channel / width * panel + channel % width;
}

// x → V of one tile, plane after plane
template <int64_t width, typename T>
static void tile_of_input(const Tiling& t, const T* x, int64_t tile, const T* zeros, float* v, int64_t plane,
                          int64_t panel) {
  const Place place(t, tile);
  const Window<T, PATCH> window(t, x, place.image, place.row - 1, place.column - 1, zeros);
  for (int64_t c = 0; c < t.channels; c += LANES) {
    Vector d[POSITIONS];
    for (int64_t p = 0; p < POSITIONS; p += 1) d[p] = load(window.pixels[p] + c);
    input_patch(d);
    float* to = v + place_in_panels<width>(c, panel);
    for (int64_t p = 0; p < POSITIONS; p += 1) store(to + p * plane, d[p]);
  }
}

// dy → Z of one tile
template <int64_t width, typename T>
static void tile_of_output_gradient(const Tiling& t, const T* dy, int64_t tile, const T* zeros, float* z, int64_t plane,
                                    int64_t panel) {
  const Place place(t, tile);
  const Window<T, TILE> window(t, dy, place.image, place.row, place.column, zeros);
  for (int64_t c = 0; c < t.channels; c += LANES) {
    Vector d[TILE * TILE], h[PATCH * TILE], out[POSITIONS];
    for (int64_t p = 0; p < TILE * TILE; p += 1) d[p] = load(window.pixels[p] + c);
    for (int64_t j = 0; j < TILE; j += 1) times_a(d + j, TILE, h + j, TILE);
    for (int64_t i = 0; i < PATCH; i += 1) times_a(h + i * TILE, 1, out + i * PATCH, 1);
    float* to = z + place_in_panels<width>(c, panel);
    for (int64_t p = 0; p < POSITIONS; p += 1) store(to + p * plane, out[p]);
  }
}

// M of one tile, `count` channels from `first` on → y, added to what `addend` holds where there is one; t is y's
template <typename T>
static void tile_to_output(const Tiling& t, const float* m, int64_t plane, int64_t tile, int64_t first, int64_t count,
                           const T* addend, T* y) {
  const Place place(t, tile);
  const int64_t height = std::min(TILE, t.height - place.row), width = std::min(TILE, t.width - place.column);
  const int64_t start = ((place.image * t.height + place.row) * t.width + place.column) * t.channels + first;
  for (int64_t c = 0; c < count; c += LANES) {
    Vector d[POSITIONS], h[TILE * PATCH], out[TILE * TILE];
    for (int64_t p = 0; p < POSITIONS; p += 1) d[p] = load(m + p * plane + c);
    for (int64_t j = 0; j < PATCH; j += 1) times_at(d + j, PATCH, h + j, PATCH);
    for (int64_t i = 0; i < TILE; i += 1) times_at(h + i * PATCH, 1, out + i * TILE, 1);
    for (int64_t i = 0; i < height; i += 1) {
      for (int64_t j = 0; j < width; j += 1) {
        const int64_t at = start + (i * t.width + j) * t.channels + c;
        const Vector v = out[i * TILE + j];
        store(y + at, addend == nullptr ? v : v + load(addend + at));
      }
    }
  }
}

}  // namespace modalmix
