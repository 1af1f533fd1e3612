// Batch normalisation of [L, C] by the batch's own statistics, with what stands around it in a network, in as few
// passes over memory as it can be done; pictures are T, float or bfloat16: y = relu(scale · x̂ + offset + residual), residual and relu where wanted.
#pragma once

#include <cmath>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace modalmix {

// Partial sums, so that neither their number nor their order depends on the number of threads.
constexpr int64_t SUM_CHUNKS = 32;
// Rows that are summed in single precision before the sum is carried on in double.
constexpr int64_t SUM_ROWS = 32;

// Per channel the sums of first(row, c) and second(row, c) over all rows; returned as [2, C].
template <typename Terms>
static std::vector<double> column_sums(int64_t rows, int64_t channels, const Terms& terms) {
  const int64_t chunks = std::max<int64_t>(1, std::min(SUM_CHUNKS, rows / SUM_ROWS));
  std::vector<double> partial(chunks * 2 * channels, 0.0);
  Pool::instance().run(chunks, [&](int64_t chunk) {
    double* sums = partial.data() + chunk * 2 * channels;
    const int64_t from = rows * chunk / chunks, to = rows * (chunk + 1) / chunks;
    std::vector<float> block(2 * channels);
    for (int64_t start = from; start < to; start += SUM_ROWS) {
      const int64_t end = std::min(to, start + SUM_ROWS);
      for (int64_t c = 0; c < channels; c += LANES) {
        Vector first{}, second{};
        for (int64_t row = start; row < end; row += 1) terms(row * channels + c, c, first, second);
        store(block.data() + c, first);
        store(block.data() + channels + c, second);
      }
      for (int64_t i = 0; i < 2 * channels; i += 1) sums[i] += block[i];
    }
  });
  std::vector<double> total(2 * channels, 0.0);
  for (int64_t chunk = 0; chunk < chunks; chunk += 1) {
    for (int64_t i = 0; i < 2 * channels; i += 1) total[i] += partial[chunk * 2 * channels + i];
  }
  return total;
}

struct NormShape {
  int64_t rows, channels;
  bool relu;
  float epsilon, momentum;
};

// y from statistics that are known: the same bits each time.
template <typename T>
static void normalise_by(const NormShape& shape, const T* x, const float* scale, const float* offset,
                         const float* mean, const float* inverse, const T* residual, T* y) {
  const int64_t channels = shape.channels;
  std::vector<float> factor(channels), shift(channels);
  for (int64_t c = 0; c < channels; c += 1) {
    factor[c] = scale[c] * inverse[c];
    shift[c] = offset[c] - mean[c] * factor[c];
  }
  const Mask relu = shape.relu ? Mask{} : ~Mask{};
  parallel_ranges(shape.rows, 64, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row += 1) {
      const int64_t at = row * channels;
      for (int64_t c = 0; c < channels; c += LANES) {
        Vector v = load(x + at + c) * load(factor.data() + c) + load(shift.data() + c);
        if (residual != nullptr) v += load(residual + at + c);
        store(y + at + c, keep((Mask)(v > 0) | relu, v));
      }
    }
  });
}

// mean and inverse (1 / deviation) are what the gradient needs; moved_… the running statistics, moved.
template <typename T>
static void statistics(const NormShape& shape, const T* x, const float* running_mean, const float* running_variance,
                       float* moved_mean, float* moved_variance, float* mean, float* inverse) {
  const int64_t rows = shape.rows, channels = shape.channels;
  // Relative to the first row, so that a large mean takes nothing from a small variance.
  const std::vector<double> sums =
      column_sums(rows, channels, [&](int64_t at, int64_t c, Vector& first, Vector& second) {
        const Vector d = load(x + at) - load(x + c);
        first += d;
        second += d * d;
      });
  for (int64_t c = 0; c < channels; c += 1) {
    const double from_first = sums[c] / rows;
    const double variance = std::max(0.0, sums[channels + c] / rows - from_first * from_first);
    const double average = value_of(x[c]) + from_first;
    mean[c] = average;
    inverse[c] = 1 / std::sqrt(variance + shape.epsilon);
    const double unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
    moved_mean[c] = (1 - shape.momentum) * running_mean[c] + shape.momentum * average;
    moved_variance[c] = (1 - shape.momentum) * running_variance[c] + shape.momentum * unbiased;
  }
}

template <typename T>
static void normalise(const NormShape& shape, const T* x, const float* scale, const float* offset,
                      const float* running_mean, const float* running_variance, const T* residual, T* y,
                      float* moved_mean, float* moved_variance, float* mean, float* inverse) {
  statistics(shape, x, running_mean, running_variance, moved_mean, moved_variance, mean, inverse);
  normalise_by(shape, x, scale, offset, mean, inverse, residual, y);
}

// Gradients of `normalise`; dresidual where there was a residual, y where there was a relu (else null).
template <typename T>
static void normalise_gradient(const NormShape& shape, const T* dy, const T* x, const T* y, const float* scale,
                               const float* mean, const float* inverse, T* dx, float* dscale, float* doffset,
                               T* dresidual) {
  const int64_t rows = shape.rows, channels = shape.channels;
  const auto through_relu = [&](int64_t at) {
    const Vector g = load(dy + at);
    return y == nullptr ? g : keep((Mask)(load(y + at) > 0), g);
  };
  const std::vector<double> sums =
      column_sums(rows, channels, [&](int64_t at, int64_t c, Vector& first, Vector& second) {
        const Vector g = through_relu(at);
        first += g;
        second += g * (load(x + at) - load(mean + c));
      });
  std::vector<float> slope(channels), back(channels), level(channels);
  for (int64_t c = 0; c < channels; c += 1) {
    const double along = sums[channels + c] * inverse[c];  // Σ g·x̂
    dscale[c] = along;
    doffset[c] = sums[c];
    // dx = scale/σ · (g − Σg/L − x̂ · Σ(g·x̂)/L)
    const double factor = double(scale[c]) * inverse[c];
    slope[c] = factor;
    back[c] = -factor * along / rows * inverse[c];
    level[c] = -factor * sums[c] / rows;
  }
  parallel_ranges(rows, 64, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; row += 1) {
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t at = row * channels + c;
        const Vector g = through_relu(at);
        const Vector centred = load(x + at) - load(mean + c);
        store(dx + at, g * load(slope.data() + c) + (centred * load(back.data() + c) + load(level.data() + c)));
        if (dresidual != nullptr) store(dresidual + at, g);
      }
    }
  });
}

}  // namespace modalmix
