// The gradient of a square filter over pictures with few channels, a network's first: oneDNN takes twice the time.
//
//   dw [size, size, C, D] = Σ over places of window ⊗ dy
#pragma once

#include <vector>

#include "parallel.h"
#include "vector.h"

namespace modalmix {

struct FilterShape {
  int64_t images, height, width, channels;
  int64_t size, stride, pad;
  int64_t rows, columns, outputs;  // of dy
};

constexpr int64_t OUTER_ROWS = 6, OUTER_COLUMNS = 2 * LANES;

// to [6, vectors] += Σ over `count` of a[k, 6] ⊗ b[k, vectors]
template <typename V, int vectors>
static __attribute__((noinline)) void add_outer(int64_t count, const float* a, int64_t a_step, const float* b, int64_t b_step, float* to,
                             int64_t to_step) {
  V sum[OUTER_ROWS][vectors];
  for (int64_t i = 0; i < OUTER_ROWS; i += 1) {
    for (int64_t j = 0; j < vectors; j += 1) sum[i][j] = load<V>(to + i * to_step + j * LANES_OF<V>);
  }
  for (int64_t k = 0; k < count; k += 1) {
    V row[vectors];
    for (int64_t j = 0; j < vectors; j += 1) row[j] = load<V>(b + k * b_step + j * LANES_OF<V>);
    for (int64_t i = 0; i < OUTER_ROWS; i += 1) {
      const float factor = a[k * a_step + i];
      for (int64_t j = 0; j < vectors; j += 1) sum[i][j] += factor * row[j];
    }
  }
  for (int64_t i = 0; i < OUTER_ROWS; i += 1) {
    for (int64_t j = 0; j < vectors; j += 1) store(to + i * to_step + j * LANES_OF<V>, sum[i][j]);
  }
}

// The windows of one row of places, zeros where there is no picture: [columns, `step`]
static void windows_of(const FilterShape& s, const float* picture, int64_t row, float* windows, int64_t step) {
  const int64_t line = s.size * s.channels;
  for (int64_t column = 0; column < s.columns; column += 1) {
    const int64_t left = column * s.stride - s.pad;
    const int64_t from = std::max<int64_t>(0, -left), to = std::min(s.size, s.width - left);
    for (int64_t i = 0; i < s.size; i += 1) {
      float* window = windows + column * step + i * line;
      const int64_t y = row * s.stride - s.pad + i;
      std::memset(window, 0, line * sizeof(float));
      if (y < 0 || y >= s.height || from >= to) continue;
      std::memcpy(window + from * s.channels, picture + (y * s.width + left + from) * s.channels,
                  (to - from) * s.channels * sizeof(float));
    }
  }
}

// `outputs` comes in sixteens.
template <typename T>
static void filter_gradient(const FilterShape& s, const float* x, const T* dy, float* dw) {
  // So many sums, whatever the number of threads.
  constexpr int64_t CHUNKS = 32;
  const int64_t length = s.size * s.size * s.channels;
  const int64_t step = (length + OUTER_ROWS - 1) / OUTER_ROWS * OUTER_ROWS;
  const int64_t lines = s.images * s.rows, chunks = std::min(CHUNKS, lines);
  std::vector<float> partial(chunks * step * s.outputs, 0.0f);
  Pool::instance().run(chunks, [&](int64_t chunk) {
    float* sums = partial.data() + chunk * step * s.outputs;
    std::vector<float> windows(s.columns * step, 0.0f), gradient(s.columns * s.outputs);
    for (int64_t at = lines * chunk / chunks; at < lines * (chunk + 1) / chunks; at += 1) {
      const int64_t image = at / s.rows;
      windows_of(s, x + image * s.height * s.width * s.channels, at % s.rows, windows.data(), step);
      copy(gradient.data(), dy + at * s.columns * s.outputs, s.columns * s.outputs);
      const auto columns_from = [&](int64_t d, auto add) {
        for (int64_t i = 0; i < step; i += OUTER_ROWS) {
          add(s.columns, windows.data() + i, step, gradient.data() + d, s.outputs, sums + i * s.outputs + d, s.outputs);
        }
      };
      int64_t d = 0;
      if constexpr (HAS_WIDE) {
        for (; d + 2 * WIDE_LANES <= s.outputs; d += 2 * WIDE_LANES) columns_from(d, add_outer<Wide, 2>);
      }
      for (; d < s.outputs; d += OUTER_COLUMNS) columns_from(d, add_outer<Vector, 2>);
    }
  });
  parallel_ranges(length * s.outputs / LANES, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from * LANES; i < to * LANES; i += LANES) {
      Vector sum{};
      for (int64_t chunk = 0; chunk < chunks; chunk += 1) sum += load(partial.data() + chunk * step * s.outputs + i);
      store(dw + i, sum);
    }
  });
}

}  // namespace modalmix
