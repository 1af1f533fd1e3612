// Winograd's products (winograd.h) together with the transforms before and after them: neither the transformed filters,
// four times the filters, nor what the products give is ever written as a whole. A part of the work is a block of
// channels, whose transformed filters stay in the cache, with some of the pictures.
#pragma once

#include <vector>

#include "winograd.h"

namespace modalmix {

// Numbers that a part's transformed filters may be, and tiles that are multiplied before they are transformed back.
constexpr int64_t FILTER_NUMBERS = 36 * 128 * 64, TILE_BLOCK = 24;
// Between the planes of positions, so that they do not share the same few places of the cache.
constexpr int64_t GAP = 2 * LANES;
constexpr int64_t ROWS_AT_ONCE = 6, COLUMNS_AT_ONCE = 2 * LANES;

// to [rows, 8 · vectors] = Σ over k of a[row][k] · b[k], b [count, 16]
template <int rows, int vectors>
static INLINE void multiply_rows(int64_t count, const float* const* a, const float* b, float* to, int64_t step) {
  Vector sum[rows][vectors] = {};
  for (int64_t k = 0; k < count; k += 1) {
    Vector row[vectors];
    for (int j = 0; j < vectors; j += 1) row[j] = load(b + k * COLUMNS_AT_ONCE + j * LANES);
    for (int i = 0; i < rows; i += 1) {
      for (int j = 0; j < vectors; j += 1) sum[i][j] += a[i][k] * row[j];
    }
  }
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) store(to + i * step + j * LANES, sum[i][j]);
  }
}

// to [rows, 8 · vectors] += Σ over k of a[k][row] · b[k]
template <int rows, int vectors>
static INLINE void add_columns(int64_t count, const float* a, int64_t a_step, const float* b, int64_t b_step, float* to,
                               int64_t to_step) {
  Vector sum[rows][vectors];
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) sum[i][j] = load(to + i * to_step + j * LANES);
  }
  for (int64_t k = 0; k < count; k += 1) {
    Vector row[vectors];
    for (int j = 0; j < vectors; j += 1) row[j] = load(b + k * b_step + j * LANES);
    for (int i = 0; i < rows; i += 1) {
      for (int j = 0; j < vectors; j += 1) sum[i][j] += a[k * a_step + i] * row[j];
    }
  }
  for (int i = 0; i < rows; i += 1) {
    for (int j = 0; j < vectors; j += 1) store(to + i * to_step + j * LANES, sum[i][j]);
  }
}

// How the work is cut: blocks of the channels that come out, and groups of pictures. Each number is added up in the
// same order however it is cut.
struct Cut {
  int64_t block, blocks, groups;
  // From one position's filters, or products, to the next one's.
  int64_t filter_plane, product_plane;

  // Where the filter of two channels stands in its plane: sixteens of those that come out, one after the other.
  static int64_t place(int64_t ins, int64_t in, int64_t out) {
    return (out / COLUMNS_AT_ONCE * ins + in) * COLUMNS_AT_ONCE + out % COLUMNS_AT_ONCE;
  }

  Cut(int64_t in, int64_t out, int64_t images) {
    block = 64;
    while (block > COLUMNS_AT_ONCE && POSITIONS * in * block > FILTER_NUMBERS) block /= 2;
    block = std::min(block, out);
    blocks = (out + block - 1) / block;
    const int64_t parts = 2 * Pool::instance().threads();
    groups = std::min(images, (parts + blocks - 1) / blocks);
    filter_plane = in * ((block + COLUMNS_AT_ONCE - 1) / COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE + GAP;
    product_plane = TILE_BLOCK * block + GAP;
  }
};

// products [36, TILE_BLOCK, block] of rows `first`… of `planes` [36, T, in] with `filters`, placed as `Cut` says
static void multiply_block(const Tiling& t, const Cut& cut, int64_t first, int64_t count, const float* planes,
                           const float* filters, int64_t block, float* products) {
  const int64_t in = t.channels;
  for (int64_t p = 0; p < POSITIONS; p += 1) {
    const float* plane = planes + p * t.plane();
    for (int64_t row = 0; row < count; row += ROWS_AT_ONCE) {
      // Behind the last row that row again: its products are not looked at.
      const float* rows[ROWS_AT_ONCE];
      for (int64_t i = 0; i < ROWS_AT_ONCE; i += 1) rows[i] = plane + (first + std::min(row + i, count - 1)) * in;
      float* to = products + p * cut.product_plane + row * block;
      const float* filter = filters + p * cut.filter_plane;
      int64_t column = 0;
      for (; column + COLUMNS_AT_ONCE <= block; column += COLUMNS_AT_ONCE) {
        multiply_rows<ROWS_AT_ONCE, 2>(in, rows, filter + column * in, to + column, block);
      }
      if (column < block) multiply_rows<ROWS_AT_ONCE, 1>(in, rows, filter + column * in, to + column, block);
    }
  }
}

// Scratch memory of a thread, kept.
template <int use>
static float* scratch(int64_t size) {
  static thread_local std::vector<float> numbers;
  if (int64_t(numbers.size()) < size) numbers.resize(size);
  return numbers.data();
}

// body(first channel, channels, first tile, end), for each part, with the pictures whole
template <typename Body>
static void each_part(const Tiling& t, int64_t out, const Cut& cut, const Body& body) {
  Pool::instance().run(cut.blocks * cut.groups, [&](int64_t part) {
    const int64_t from = part / cut.groups * cut.block, group = part % cut.groups;
    body(from, std::min(cut.block, out - from), t.images * group / cut.groups, t.images * (group + 1) / cut.groups);
  });
}

// V [36, T, C] and g [3, 3, C, D] → y [N, H, W, D]; t is V's
template <typename T>
static void convolve_tiles(const Tiling& t, int64_t out, const float* v, const float* g, T* y) {
  const Cut cut(t.channels, out, t.images);
  const int64_t per_image = t.rows * t.columns;
  each_part(t, out, cut, [&](int64_t from, int64_t block, int64_t image, int64_t end) {
    float* filters = scratch<0>(POSITIONS * cut.filter_plane);
    float* products = scratch<1>(POSITIONS * cut.product_plane);
    for (int64_t c = 0; c < t.channels; c += 1) {
      for (int64_t d = 0; d < block; d += LANES) {
        Vector h[PATCH * 3], in[9], u[POSITIONS];
        for (int64_t p = 0; p < 9; p += 1) in[p] = load(g + (p * t.channels + c) * out + from + d);
        for (int64_t j = 0; j < 3; j += 1) times_g(in + j, 3, h + j, 3);
        for (int64_t i = 0; i < PATCH; i += 1) times_g(h + i * 3, 1, u + i * PATCH, 1);
        for (int64_t p = 0; p < POSITIONS; p += 1) store(filters + p * cut.filter_plane + Cut::place(t.channels, c, d), u[p]);
      }
    }
    for (int64_t first = image * per_image; first < end * per_image; first += TILE_BLOCK) {
      const int64_t count = std::min(TILE_BLOCK, end * per_image - first);
      multiply_block(t, cut, first, count, v, filters, block, products);
      for (int64_t k = 0; k < count; k += 1) {
        const int64_t picture = (first + k) / per_image, place = (first + k) % per_image;
        const int64_t row = place / t.columns * TILE, column = place % t.columns * TILE;
        const int64_t height = std::min(TILE, t.height - row), width = std::min(TILE, t.width - column);
        T* to = y + ((picture * t.height + row) * t.width + column) * out + from;
        for (int64_t d = 0; d < block; d += LANES) {
          Vector m[POSITIONS], h[TILE * PATCH], pixels[TILE * TILE];
          for (int64_t p = 0; p < POSITIONS; p += 1) m[p] = load(products + p * cut.product_plane + k * block + d);
          for (int64_t j = 0; j < PATCH; j += 1) times_at(m + j, PATCH, h + j, PATCH);
          for (int64_t i = 0; i < TILE; i += 1) times_at(h + i * PATCH, 1, pixels + i * TILE, 1);
          for (int64_t i = 0; i < height; i += 1) {
            for (int64_t j = 0; j < width; j += 1) store(to + (i * t.width + j) * out + d, pixels[i * TILE + j]);
          }
        }
      }
    }
  });
}

// 8 × 8 numbers, rows and columns exchanged
static INLINE void transpose(Vector* v) {
  Vector a[8], b[8];
  for (int i = 0; i < 4; i += 1) {
    a[2 * i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], Mask{0, 8, 2, 10, 4, 12, 6, 14});
    a[2 * i + 1] = __builtin_shuffle(v[2 * i], v[2 * i + 1], Mask{1, 9, 3, 11, 5, 13, 7, 15});
  }
  for (int i = 0; i < 2; i += 1) {
    for (int j = 0; j < 2; j += 1) {
      b[4 * i + j] = __builtin_shuffle(a[4 * i + j], a[4 * i + j + 2], Mask{0, 1, 8, 9, 4, 5, 12, 13});
      b[4 * i + j + 2] = __builtin_shuffle(a[4 * i + j], a[4 * i + j + 2], Mask{2, 3, 10, 11, 6, 7, 14, 15});
    }
  }
  for (int j = 0; j < 4; j += 1) {
    v[j] = __builtin_shuffle(b[j], b[j + 4], Mask{0, 1, 2, 3, 8, 9, 10, 11});
    v[j + 4] = __builtin_shuffle(b[j], b[j + 4], Mask{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

// Where the pictures of a part are added up: in place, or where they are stored in less, aside.
template <typename T>
static INLINE float* sums_of(T* dx, int64_t step, int64_t block, int64_t pixels, int64_t& sum_step) {
  if constexpr (sizeof(T) == sizeof(float)) {
    sum_step = step;
    return dx;
  } else {
    sum_step = block;
    return scratch<2>(pixels * block);
  }
}

// Z [36, T, D] and g [3, 3, C, D] → dx [N, H, W, C], added to what `addend` holds where there is one; t is Z's
template <typename T>
static void convolve_tiles_back(const Tiling& t, int64_t out, const float* z, const float* g, const T* addend, T* dx) {
  const Cut cut(t.channels, out, t.images);
  const int64_t per_image = t.rows * t.columns, picture = t.height * t.width, in = t.channels;
  each_part(t, out, cut, [&](int64_t from, int64_t block, int64_t image, int64_t end) {
    float* filters = scratch<0>(POSITIONS * cut.filter_plane);
    float* products = scratch<1>(POSITIONS * cut.product_plane);
    for (int64_t c = 0; c < block; c += LANES) {
      for (int64_t d = 0; d < in; d += LANES) {
        Vector u[LANES][POSITIONS];
        for (int64_t k = 0; k < LANES; k += 1) {
          Vector h[PATCH * 3], taps[9];
          for (int64_t p = 0; p < 9; p += 1) taps[p] = load(g + (p * out + from + c + k) * in + d);
          for (int64_t j = 0; j < 3; j += 1) times_g(taps + j, 3, h + j, 3);
          for (int64_t i = 0; i < PATCH; i += 1) times_g(h + i * 3, 1, u[k] + i * PATCH, 1);
        }
        for (int64_t p = 0; p < POSITIONS; p += 1) {
          Vector square[LANES];
          for (int64_t k = 0; k < LANES; k += 1) square[k] = u[k][p];
          transpose(square);
          for (int64_t k = 0; k < LANES; k += 1) store(filters + p * cut.filter_plane + Cut::place(in, d + k, c), square[k]);
        }
      }
    }
    int64_t step;
    const int64_t pixels = (end - image) * picture;
    T* part = dx + image * picture * out + from;
    float* sums = sums_of(part, out, block, pixels, step);
    for (int64_t pixel = 0; pixel < pixels; pixel += 1) {
      for (int64_t c = 0; c < block; c += LANES) {
        const Vector v = addend == nullptr ? Vector{} : load(addend + (image * picture + pixel) * out + from + c);
        store(sums + pixel * step + c, v);
      }
    }
    for (int64_t first = image * per_image; first < end * per_image; first += TILE_BLOCK) {
      const int64_t count = std::min(TILE_BLOCK, end * per_image - first);
      multiply_block(t, cut, first, count, z, filters, block, products);
      for (int64_t k = 0; k < count; k += 1) {
        const int64_t at = (first + k) / per_image - image, place = (first + k) % per_image;
        const int64_t top = place / t.columns * TILE - 1, left = place % t.columns * TILE - 1;
        const int64_t y0 = std::max<int64_t>(0, -top), y1 = std::min(PATCH, t.height - top);
        const int64_t x0 = std::max<int64_t>(0, -left), x1 = std::min(PATCH, t.width - left);
        for (int64_t c = 0; c < block; c += LANES) {
          Vector d[POSITIONS], h[POSITIONS];
          for (int64_t p = 0; p < POSITIONS; p += 1) d[p] = load(products + p * cut.product_plane + k * block + c);
          for (int64_t j = 0; j < PATCH; j += 1) times_b(d + j, PATCH, h + j);
          for (int64_t i = 0; i < PATCH; i += 1) times_b(h + i * PATCH, 1, d + i * PATCH);
          for (int64_t y = y0; y < y1; y += 1) {
            for (int64_t x = x0; x < x1; x += 1) {
              float* pixel = sums + (at * picture + (top + y) * t.width + left + x) * step + c;
              store(pixel, load(pixel) + d[y * PATCH + x]);
            }
          }
        }
      }
    }
    if constexpr (sizeof(T) != sizeof(float)) {
      for (int64_t pixel = 0; pixel < pixels; pixel += 1) {
        for (int64_t c = 0; c < block; c += LANES) store(part + pixel * out + c, load(sums + pixel * step + c));
      }
    }
  });
}

// V [36, T, C] and Z [36, T, D] → dg [3, 3, C, D]
static void filter_gradient_of_tiles(const Tiling& t, int64_t out, const float* v, const float* z, float* g) {
  constexpr int64_t OUT_BLOCK = 64, TILES = 32;
  const int64_t in = t.channels, outs = (out + OUT_BLOCK - 1) / OUT_BLOCK;
  const int64_t in_block = (in + 63) / 64 * outs >= Pool::instance().threads() ? 64 : 32;
  const int64_t ins = (in + in_block - 1) / in_block;
  Pool::instance().run(ins * outs, [&](int64_t part) {
    const int64_t c0 = part / outs * in_block, d0 = part % outs * OUT_BLOCK;
    const int64_t rows = std::min(in_block, in - c0), columns = std::min(OUT_BLOCK, out - d0);
    const int64_t plane = rows * columns + GAP;
    float* sums = scratch<0>(POSITIONS * plane);
    std::memset(sums, 0, POSITIONS * plane * sizeof(float));
    for (int64_t p = 0; p < POSITIONS; p += 1) {
      for (int64_t first = 0; first < t.used(); first += TILES) {
        const int64_t count = std::min(TILES, t.used() - first);
        // Side by side: rows of planes would share a few places of the cache.
        float* a = scratch<1>(TILES * (rows + columns));
        float* b = a + TILES * rows;
        for (int64_t k = 0; k < count; k += 1) {
          copy(a + k * rows, v + p * t.plane() + (first + k) * in + c0, rows);
          copy(b + k * columns, z + (p * t.tiles + first + k) * out + d0, columns);
        }
        float* to = sums + p * plane;
        int64_t column = 0;
        for (; column + COLUMNS_AT_ONCE <= columns; column += COLUMNS_AT_ONCE) {
          int64_t row = 0;
          for (; row + 6 <= rows; row += 6) {
            add_columns<6, 2>(count, a + row, rows, b + column, columns, to + row * columns + column, columns);
          }
          for (; row < rows; row += 2) {
            add_columns<2, 2>(count, a + row, rows, b + column, columns, to + row * columns + column, columns);
          }
        }
        for (int64_t row = 0; column < columns && row < rows; row += 8) {
          add_columns<8, 1>(count, a + row, rows, b + column, columns, to + row * columns + column, columns);
        }
      }
    }
    for (int64_t c = 0; c < rows; c += 1) {
      for (int64_t d = 0; d < columns; d += LANES) {
        Vector u[POSITIONS], h[3 * PATCH], taps[9];
        for (int64_t p = 0; p < POSITIONS; p += 1) u[p] = load(sums + p * plane + c * columns + d);
        for (int64_t j = 0; j < PATCH; j += 1) times_gt(u + j, PATCH, h + j, PATCH);
        for (int64_t i = 0; i < 3; i += 1) times_gt(h + i * PATCH, 1, taps + i * 3, 1);
        for (int64_t p = 0; p < 9; p += 1) store(g + (p * in + c0 + c) * out + d0 + d, taps[p]);
      }
    }
  });
}

}  // namespace modalmix
