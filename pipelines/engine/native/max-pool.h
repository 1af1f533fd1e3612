// 3×3 windows of stride 2 with one place on each side (max pooling, and the pixels of each window in a row), and every
// second pixel, of [N, H, W, C].
#pragma once

#include <limits>

#include "float-picture.h"
#include "parallel.h"
#include "vector.h"

namespace modalmix {

struct PoolShape {
  int64_t images, height, width, channels;
  int64_t rows() const { return (height + 1) / 2; }
  int64_t columns() const { return (width + 1) / 2; }
  int64_t in(int64_t image) const { return image * height * width * channels; }
  int64_t out(int64_t image) const { return image * rows() * columns() * channels; }
};

// body(offset of a place in the window) over the places inside the picture, first row first
template <typename Body>
static INLINE void each_place(const PoolShape& s, int64_t row, int64_t column, const Body& body) {
  for (int64_t y = std::max<int64_t>(0, 2 * row - 1); y < std::min(s.height, 2 * row + 2); y += 1) {
    for (int64_t x = std::max<int64_t>(0, 2 * column - 1); x < std::min(s.width, 2 * column + 2); x += 1) {
      body((y * s.width + x) * s.channels);
    }
  }
}

template <typename T>
static void max_pool(const PoolShape& s, const T* x, T* y) {
  parallel_ranges(s.images * s.rows(), 64, [&](int64_t from, int64_t to) {
    for (int64_t line = from; line < to; line += 1) {
      const int64_t image = line / s.rows(), row = line % s.rows();
      for (int64_t column = 0; column < s.columns(); column += 1) {
        for (int64_t c = 0; c < s.channels; c += LANES) {
          const T* picture = x + s.in(image) + c;
          Vector best = splat(-std::numeric_limits<float>::infinity());
          each_place(s, row, column, [&](int64_t at) {
            const Vector v = load(picture + at);
            best = v > best ? v : best;
          });
          store(y + s.out(image) + (row * s.columns() + column) * s.channels + c, best);
        }
      }
    }
  });
}

// The gradient goes to the first place that holds the maximum.
template <typename T>
static void max_pool_gradient(const PoolShape& s, const T* x, const T* y, const T* dy, T* dx) {
  Pool::instance().run(s.images, [&](int64_t image) {
    FloatPicture<T> sums(dx + s.in(image), s.in(1));
    std::memset(sums.numbers(), 0, s.in(1) * sizeof(float));
    for (int64_t row = 0; row < s.rows(); row += 1) {
      for (int64_t column = 0; column < s.columns(); column += 1) {
        for (int64_t c = 0; c < s.channels; c += LANES) {
          const int64_t at = s.out(image) + (row * s.columns() + column) * s.channels + c;
          const Vector best = load(y + at), g = load(dy + at);
          Mask open = ~Mask{};
          each_place(s, row, column, [&](int64_t place) {
            const Mask won = (Mask)(load(x + s.in(image) + c + place) == best) & open;
            open &= ~won;
            float* to = sums.numbers() + c + place;
            store(to, load(to) + keep(won, g));
          });
        }
      }
    }
  });
}

// The nine pixels of each window, zeros where there is none: x [N, H, W, C] → y [N·⌈H/2⌉·⌈W/2⌉, 9·C]
template <typename T>
static void windows(const PoolShape& s, const T* x, float* y) {
  parallel_ranges(s.images * s.rows(), 64, [&](int64_t from, int64_t to) {
    for (int64_t line = from; line < to; line += 1) {
      const T* picture = x + s.in(line / s.rows());
      for (int64_t column = 0; column < s.columns(); column += 1) {
        float* window = y + (line * s.columns() + column) * 9 * s.channels;
        for (int64_t place = 0; place < 9; place += 1) {
          const int64_t row = 2 * (line % s.rows()) - 1 + place / 3, at = 2 * column - 1 + place % 3;
          const bool inside = row >= 0 && row < s.height && at >= 0 && at < s.width;
          if (inside) copy(window + place * s.channels, picture + (row * s.width + at) * s.channels, s.channels);
          else std::memset(window + place * s.channels, 0, s.channels * sizeof(float));
        }
      }
    }
  });
}

// Every second row and column: x [N, H, W, C] → y [N, ⌈H/2⌉, ⌈W/2⌉, C]
template <typename T>
static void halve(const PoolShape& s, const T* x, float* y) {
  parallel_ranges(s.images * s.rows(), 64, [&](int64_t from, int64_t to) {
    for (int64_t line = from; line < to; line += 1) {
      const T* pixels = x + s.in(line / s.rows()) + 2 * (line % s.rows()) * s.width * s.channels;
      for (int64_t column = 0; column < s.columns(); column += 1) {
        copy(y + (line * s.columns() + column) * s.channels, pixels + 2 * column * s.channels, s.channels);
      }
    }
  });
}

// dy [N, ⌈H/2⌉, ⌈W/2⌉, C], added to `addend` → dx [N, H, W, C]
template <typename T>
static void halve_gradient(const PoolShape& s, const float* dy, const T* addend, T* dx) {
  parallel_ranges(s.images * s.height, 64, [&](int64_t from, int64_t to) {
    const int64_t length = s.width * s.channels;
    for (int64_t line = from; line < to; line += 1) {
      std::memcpy(dx + line * length, addend + line * length, length * sizeof(T));
      const int64_t image = line / s.height, row = line % s.height;
      if (row % 2 == 1) continue;
      const float* g = dy + s.out(image) + row / 2 * s.columns() * s.channels;
      for (int64_t column = 0; column < s.columns(); column += 1) {
        T* to_pixel = dx + line * length + 2 * column * s.channels;
        for (int64_t c = 0; c < s.channels; c += LANES) {
          store(to_pixel + c, load(to_pixel + c) + load(g + column * s.channels + c));
        }
      }
    }
  });
}

}  // namespace modalmix
