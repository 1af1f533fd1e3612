// Transforms of Winograd's F(4×4, 3×3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
// 2016), for 3×3 convolutions of stride 1 with one zero on each side. Pictures are [N, H, W, C]; in the transformed
// domain they are [36, T, C], T tiles of 4×4 outputs, and the convolution is 36 matrix products:
//
//   V = Bᵀ d B    U = G g Gᵀ    M = V·U    y = Aᵀ M A
//
// with 36 multiplications for 16 outputs, where the plain sum has 144. The gradients are the adjoints:
//
//   Z = A dy Aᵀ    dd = B (Z·Uᵀ) Bᵀ, tiles added where they overlap    dg = Gᵀ (Vᵀ·Z) G
#pragma once

#include "../float-picture.h"
#include "../parallel.h"
#include "../vector.h"

namespace modalmix {

constexpr int64_t TILE = 4, PATCH = 6, POSITIONS = PATCH * PATCH;

struct Tiling {
  int64_t images, height, width, channels;
  int64_t rows, columns;  // tiles of a picture
  int64_t tiles;          // T, rows of zeros at the end included

  Tiling(int64_t images, int64_t height, int64_t width, int64_t channels)
      : images(images), height(height), width(width), channels(channels) {
    rows = (height + TILE - 1) / TILE;
    columns = (width + TILE - 1) / TILE;
    tiles = images * rows * columns;
    // Planes that lie a multiple of a page apart would share the same few places of the cache.
    tiles |= 1;
  }

  int64_t used() const { return images * rows * columns; }
  int64_t plane() const { return tiles * channels; }
};

static INLINE void times_bt(const Vector* d, int64_t s, Vector* t) {
  const Vector d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
  const Vector even = d4 - 4 * d2, odd = d3 - 4 * d1, even2 = d4 - d2, odd2 = 2 * (d3 - d1);
  t[0] = 4 * d0 - 5 * d2 + d4;
  t[s] = even + odd;
  t[2 * s] = even - odd;
  t[3 * s] = even2 + odd2;
  t[4 * s] = even2 - odd2;
  t[5 * s] = 4 * d1 - 5 * d3 + d5;
}

static INLINE void times_b(const Vector* m, int64_t s, Vector* d) {
  const Vector m0 = m[0], m1 = m[s], m2 = m[2 * s], m3 = m[3 * s], m4 = m[4 * s], m5 = m[5 * s];
  const Vector sum12 = m1 + m2, sub12 = m1 - m2, sum34 = m3 + m4, sub34 = m3 - m4;
  d[0] = 4 * m0;
  d[s] = 4 * (m5 - sub12) - 2 * sub34;
  d[2 * s] = -5 * m0 - 4 * sum12 - sum34;
  d[3 * s] = sub12 + 2 * sub34 - 5 * m5;
  d[4 * s] = m0 + sum12 + sum34;
  d[5 * s] = m5;
}

// 6 in, 4 out
static INLINE void times_at(const Vector* m, int64_t s, Vector* y, int64_t to) {
  const Vector m0 = m[0], m1 = m[s], m2 = m[2 * s], m3 = m[3 * s], m4 = m[4 * s], m5 = m[5 * s];
  const Vector sum12 = m1 + m2, sub12 = m1 - m2, sum34 = m3 + m4, sub34 = m3 - m4;
  y[0] = m0 + sum12 + sum34;
  y[to] = sub12 + 2 * sub34;
  y[2 * to] = sum12 + 4 * sum34;
  y[3 * to] = sub12 + 8 * sub34 + m5;
}

// 4 in, 6 out
static INLINE void times_a(const Vector* y, int64_t s, Vector* z, int64_t to) {
  const Vector y0 = y[0], y1 = y[s], y2 = y[2 * s], y3 = y[3 * s];
  const Vector even = y0 + y2, odd = y1 + y3, even2 = y0 + 4 * y2, odd2 = 2 * y1 + 8 * y3;
  z[0] = y0;
  z[to] = even + odd;
  z[2 * to] = even - odd;
  z[3 * to] = even2 + odd2;
  z[4 * to] = even2 - odd2;
  z[5 * to] = y3;
}

// 3 in, 6 out
static INLINE void times_g(const Vector* g, int64_t s, Vector* u, int64_t to) {
  const Vector g0 = g[0], g1 = g[s], g2 = g[2 * s];
  const Vector even = (g0 + g2) * (-1.0f / 6), odd = g1 * (1.0f / 6);
  const Vector even2 = g0 * (1.0f / 24) + g2 * (1.0f / 6), odd2 = g1 * (1.0f / 12);
  u[0] = g0 * 0.25f;
  u[to] = even - odd;
  u[2 * to] = even + odd;
  u[3 * to] = even2 + odd2;
  u[4 * to] = even2 - odd2;
  u[5 * to] = g2;
}

// 6 in, 3 out
static INLINE void times_gt(const Vector* u, int64_t s, Vector* g, int64_t to) {
  const Vector u0 = u[0], u1 = u[s], u2 = u[2 * s], u3 = u[3 * s], u4 = u[4 * s], u5 = u[5 * s];
  const Vector sum12 = (u1 + u2) * (1.0f / 6), sum34 = u3 + u4;
  g[0] = u0 * 0.25f - sum12 + sum34 * (1.0f / 24);
  g[to] = (u2 - u1) * (1.0f / 6) + (u3 - u4) * (1.0f / 12);
  g[2 * to] = sum34 * (1.0f / 6) - sum12 + u5;
}

// A line of the cache. The planes of positions lie far apart, many of them in the same places of the cache: a line is
// written whole, or read whole, before the next plane drives it out.
constexpr int64_t BLOCK = 2;

// transform(c, out) for each eight of `channels`, and out's 36 vectors to their planes
template <typename Transform>
static INLINE void each_block(int64_t channels, float* to, int64_t plane, const Transform& transform) {
  for (int64_t c = 0; c < channels; c += BLOCK * LANES) {
    const int64_t count = std::min(BLOCK, (channels - c) / LANES);
    Vector block[BLOCK][POSITIONS];
    for (int64_t k = 0; k < count; k += 1) transform(c + k * LANES, block[k]);
    for (int64_t p = 0; p < POSITIONS; p += 1) {
      for (int64_t k = 0; k < count; k += 1) store(to + p * plane + c + k * LANES, block[k][p]);
    }
  }
}

// transform(c, in) for each eight of `channels`, with in's 36 vectors from their planes
template <typename Transform>
static INLINE void from_each_block(int64_t channels, const float* from, int64_t plane, const Transform& transform) {
  for (int64_t c = 0; c < channels; c += BLOCK * LANES) {
    const int64_t count = std::min(BLOCK, (channels - c) / LANES);
    Vector block[BLOCK][POSITIONS];
    for (int64_t p = 0; p < POSITIONS; p += 1) {
      for (int64_t k = 0; k < count; k += 1) block[k][p] = load(from + p * plane + c + k * LANES);
    }
    for (int64_t k = 0; k < count; k += 1) transform(c + k * LANES, block[k]);
  }
}

static inline void zero_unused(const Tiling& t, float* planes) {
  if (t.used() == t.tiles) return;
  for (int64_t p = 0; p < POSITIONS; p += 1) {
    float* from = planes + p * t.plane() + t.used() * t.channels;
    std::memset(from, 0, (t.tiles - t.used()) * t.channels * sizeof(float));
  }
}

// body(picture, row of tiles), over all
template <typename Body>
static void each_tile_row(const Tiling& t, const Body& body) {
  parallel_ranges(t.images * t.rows, 64, [&](int64_t from, int64_t to) {
    for (int64_t at = from; at < to; at += 1) body(at / t.rows, at % t.rows);
  });
}

// x [N, H, W, C] → V [36, T, C]
template <typename T>
static void transform_input(const Tiling& t, const T* x, float* v) {
  zero_unused(t, v);
  each_tile_row(t, [&](int64_t image, int64_t row) {
    const int64_t top = row * TILE - 1;
    for (int64_t column = 0; column < t.columns; column += 1) {
      const int64_t left = column * TILE - 1;
      float* to = v + ((image * t.rows + row) * t.columns + column) * t.channels;
      each_block(t.channels, to, t.plane(), [&](int64_t c, Vector* d) {
        Vector h[POSITIONS];
        for (int64_t i = 0; i < PATCH; i += 1) {
          const int64_t y = top + i;
          const bool inside = y >= 0 && y < t.height;
          const T* line = x + ((image * t.height + y) * t.width + left) * t.channels + c;
          for (int64_t j = 0; j < PATCH; j += 1) {
            const bool within = inside && left + j >= 0 && left + j < t.width;
            d[i * PATCH + j] = within ? load(line + j * t.channels) : Vector{};
          }
        }
        for (int64_t j = 0; j < PATCH; j += 1) times_bt(d + j, PATCH, h + j);
        for (int64_t i = 0; i < PATCH; i += 1) times_bt(h + i * PATCH, 1, d + i * PATCH);
      });
    }
  });
}

// M [36, T, D] → y [N, H, W, D]
template <typename T>
static void transform_output(const Tiling& t, const float* m, T* y) {
  each_tile_row(t, [&](int64_t image, int64_t row) {
    const int64_t height = std::min(TILE, t.height - row * TILE);
    for (int64_t column = 0; column < t.columns; column += 1) {
      const int64_t width = std::min(TILE, t.width - column * TILE);
      const float* from = m + ((image * t.rows + row) * t.columns + column) * t.channels;
      T* to = y + ((image * t.height + row * TILE) * t.width + column * TILE) * t.channels;
      from_each_block(t.channels, from, t.plane(), [&](int64_t c, const Vector* d) {
        Vector h[TILE * PATCH], out[TILE * TILE];
        for (int64_t j = 0; j < PATCH; j += 1) times_at(d + j, PATCH, h + j, PATCH);
        for (int64_t i = 0; i < TILE; i += 1) times_at(h + i * PATCH, 1, out + i * TILE, 1);
        for (int64_t i = 0; i < height; i += 1) {
          for (int64_t j = 0; j < width; j += 1) {
            store(to + (i * t.width + j) * t.channels + c, out[i * TILE + j]);
          }
        }
      });
    }
  });
}

// dy [N, H, W, D] → Z [36, T, D]
template <typename T>
static void transform_output_gradient(const Tiling& t, const T* dy, float* z) {
  zero_unused(t, z);
  each_tile_row(t, [&](int64_t image, int64_t row) {
    const int64_t height = std::min(TILE, t.height - row * TILE);
    for (int64_t column = 0; column < t.columns; column += 1) {
      const int64_t width = std::min(TILE, t.width - column * TILE);
      float* to = z + ((image * t.rows + row) * t.columns + column) * t.channels;
      const T* from = dy + ((image * t.height + row * TILE) * t.width + column * TILE) * t.channels;
      each_block(t.channels, to, t.plane(), [&](int64_t c, Vector* out) {
        Vector d[TILE * TILE], h[PATCH * TILE];
        for (int64_t i = 0; i < TILE; i += 1) {
          for (int64_t j = 0; j < TILE; j += 1) {
            const bool within = i < height && j < width;
            d[i * TILE + j] = within ? load(from + (i * t.width + j) * t.channels + c) : Vector{};
          }
        }
        for (int64_t j = 0; j < TILE; j += 1) times_a(d + j, TILE, h + j, TILE);
        for (int64_t i = 0; i < PATCH; i += 1) times_a(h + i * TILE, 1, out + i * PATCH, 1);
      });
    }
  });
}

// dV [36, T, C] → dx [N, H, W, C], added to what `addend` holds where there is one
template <typename T>
static void transform_input_gradient(const Tiling& t, const float* m, const T* addend, T* dx) {
  const int64_t picture = t.height * t.width * t.channels;
  Pool::instance().run(t.images, [&](int64_t image) {
    FloatPicture<T> sums(dx + image * picture, picture);
    float* to = sums.numbers();
    if (addend == nullptr) std::memset(to, 0, picture * sizeof(float));
    else copy(to, addend + image * picture, picture);
    for (int64_t row = 0; row < t.rows; row += 1) {
      const int64_t top = row * TILE - 1;
      for (int64_t column = 0; column < t.columns; column += 1) {
        const int64_t left = column * TILE - 1;
        const float* from = m + ((image * t.rows + row) * t.columns + column) * t.channels;
        from_each_block(t.channels, from, t.plane(), [&](int64_t c, Vector* d) {
          Vector h[POSITIONS];
          for (int64_t j = 0; j < PATCH; j += 1) times_b(d + j, PATCH, h + j);
          for (int64_t i = 0; i < PATCH; i += 1) times_b(h + i * PATCH, 1, d + i * PATCH);
          for (int64_t i = 0; i < PATCH; i += 1) {
            const int64_t y = top + i;
            if (y < 0 || y >= t.height) continue;
            for (int64_t j = 0; j < PATCH; j += 1) {
              if (left + j < 0 || left + j >= t.width) continue;
              float* at = to + (y * t.width + left + j) * t.channels + c;
              store(at, load(at) + d[i * PATCH + j]);
            }
          }
        });
      }
    }
  });
}

// g [3, 3, size] → U [36, size], size = C·D
static void transform_filter(int64_t size, const float* g, float* u) {
  parallel_ranges(size / LANES, 64, [&](int64_t first, int64_t end) {
    const int64_t start = first * LANES;
    each_block((end - first) * LANES, u + start, size, [&](int64_t at, Vector* out) {
      Vector d[9], h[PATCH * 3];
      for (int64_t p = 0; p < 9; p += 1) d[p] = load(g + p * size + start + at);
      for (int64_t j = 0; j < 3; j += 1) times_g(d + j, 3, h + j, 3);
      for (int64_t i = 0; i < PATCH; i += 1) times_g(h + i * 3, 1, out + i * PATCH, 1);
    });
  });
}

// dU [36, size] → dg [3, 3, size]
static void transform_filter_gradient(int64_t size, const float* u, float* g) {
  parallel_ranges(size / LANES, 64, [&](int64_t first, int64_t end) {
    const int64_t start = first * LANES;
    from_each_block((end - first) * LANES, u + start, size, [&](int64_t at, const Vector* d) {
      Vector h[3 * PATCH], out[9];
      for (int64_t j = 0; j < PATCH; j += 1) times_gt(d + j, PATCH, h + j, PATCH);
      for (int64_t i = 0; i < 3; i += 1) times_gt(h + i * PATCH, 1, out + i * 3, 1);
      for (int64_t p = 0; p < 9; p += 1) store(g + p * size + start + at, out[p]);
    });
  });
}

}  // namespace modalmix
