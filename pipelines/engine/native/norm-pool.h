// Batch normalisation, relu and 3×3 max pooling of stride 2 in one: what a residual network begins with. Neither the
// normalised pictures, its largest, nor their gradient are ever written.
#pragma once

#include "batch-norm.h"
#include "max-pool.h"

namespace modalmix {

// Where in its window a maximum stands; of nothing above 0, nowhere.
constexpr int32_t NOWHERE = 255;

typedef uint8_t Bytes __attribute__((vector_size(LANES)));

// body(number of the place in the window, offset), as `each_place`
template <typename Body>
static INLINE void each_numbered_place(const PoolShape& s, int64_t row, int64_t column, const Body& body) {
  for (int64_t i = 0; i < 3; i += 1) {
    const int64_t y = 2 * row - 1 + i;
    if (y < 0 || y >= s.height) continue;
    for (int64_t j = 0; j < 3; j += 1) {
      const int64_t x = 2 * column - 1 + j;
      if (x >= 0 && x < s.width) body(int32_t(3 * i + j), (y * s.width + x) * s.channels);
    }
  }
}

// y [N, ⌈H/2⌉, ⌈W/2⌉, C] and the places of its numbers, by statistics that are known.
template <typename T>
static void pool_normalised(const PoolShape& s, const T* x, const float* scale, const float* offset, const float* mean,
                            const float* inverse, T* y, uint8_t* places) {
  const int64_t channels = s.channels;
  std::vector<float> factor(channels), shift(channels);
  for (int64_t c = 0; c < channels; c += 1) {
    factor[c] = scale[c] * inverse[c];
    shift[c] = offset[c] - mean[c] * factor[c];
  }
  parallel_ranges(s.images * s.rows(), 64, [&](int64_t from, int64_t to) {
    for (int64_t line = from; line < to; line += 1) {
      const int64_t image = line / s.rows(), row = line % s.rows();
      for (int64_t column = 0; column < s.columns(); column += 1) {
        const int64_t at = s.out(image) + (row * s.columns() + column) * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
          const T* picture = x + s.in(image) + c;
          const Vector slope = load(factor.data() + c), level = load(shift.data() + c);
          Vector best{};
          Mask place = Mask{} + NOWHERE;
          each_numbered_place(s, row, column, [&](int32_t number, int64_t offset_in) {
            const Vector v = rounded<T>(load(picture + offset_in) * slope + level);
            const Mask better = (Mask)(v > best);
            best = better ? v : best;
            place = better ? Mask{} + number : place;
          });
          store(y + at + c, best);
          const Bytes bytes = __builtin_convertvector(place, Bytes);
          std::memcpy(places + at + c, &bytes, sizeof bytes);
        }
      }
    }
  });
}

static INLINE Mask places_at(const uint8_t* places) {
  Bytes bytes;
  std::memcpy(&bytes, places, sizeof bytes);
  return __builtin_convertvector(bytes, Mask);
}

template <typename T>
static void pool_normalised_gradient(const PoolShape& s, const T* dy, const uint8_t* places, const T* x,
                                     const float* scale, const float* mean, const float* inverse, T* dx, float* dscale,
                                     float* doffset) {
  const int64_t channels = s.channels, lines = s.images * s.rows();
  const double count = double(s.images) * s.height * s.width;
  // Σ g and Σ g·(x − mean), g the gradient of what was pooled, which is 0 but for the maxima
  const int64_t chunks = std::min(SUM_CHUNKS, lines);
  std::vector<double> partial(chunks * 2 * channels, 0.0);
  Pool::instance().run(chunks, [&](int64_t chunk) {
    double* sums = partial.data() + chunk * 2 * channels;
    for (int64_t line = lines * chunk / chunks; line < lines * (chunk + 1) / chunks; line += 1) {
      const int64_t image = line / s.rows(), row = line % s.rows();
      for (int64_t c = 0; c < channels; c += LANES) {
        const T* picture = x + s.in(image) + c;
        const Vector middle = load(mean + c);
        Vector first{}, second{};
        for (int64_t column = 0; column < s.columns(); column += 1) {
          const int64_t at = s.out(image) + (row * s.columns() + column) * channels + c;
          const Vector g = load(dy + at);
          const Mask place = places_at(places + at);
          each_numbered_place(s, row, column, [&](int32_t number, int64_t offset) {
            const Vector won = keep((Mask)(place == number), g);
            first += won;
            second += won * (load(picture + offset) - middle);
          });
        }
        for (int64_t lane = 0; lane < LANES; lane += 1) {
          sums[c + lane] += first[lane];
          sums[channels + c + lane] += second[lane];
        }
      }
    }
  });
  std::vector<double> sums(2 * channels, 0.0);
  for (int64_t chunk = 0; chunk < chunks; chunk += 1) {
    for (int64_t i = 0; i < 2 * channels; i += 1) sums[i] += partial[chunk * 2 * channels + i];
  }
  std::vector<float> slope(channels), back(channels), level(channels);
  for (int64_t c = 0; c < channels; c += 1) {
    const double along = sums[channels + c] * inverse[c];
    dscale[c] = along;
    doffset[c] = sums[c];
    const double factor = double(scale[c]) * inverse[c];
    slope[c] = factor;
    back[c] = -factor * along / count * inverse[c];
    level[c] = -factor * sums[c] / count;
  }
  Pool::instance().run(s.images, [&](int64_t image) {
    FloatPicture<T> picture(dx + s.in(image), s.in(1));
    float* to = picture.numbers();
    for (int64_t row = 0; row < s.rows(); row += 1) {
      for (int64_t pixel = 2 * row * s.width; pixel < std::min(s.height, 2 * row + 2) * s.width; pixel += 1) {
        for (int64_t c = 0; c < channels; c += LANES) {
          const Vector centred = load(x + s.in(image) + pixel * channels + c) - load(mean + c);
          store(to + pixel * channels + c, centred * load(back.data() + c) + load(level.data() + c));
        }
      }
      for (int64_t column = 0; column < s.columns(); column += 1) {
        for (int64_t c = 0; c < channels; c += LANES) {
          const int64_t at = s.out(image) + (row * s.columns() + column) * channels + c;
          const Vector g = load(dy + at) * load(slope.data() + c);
          const Mask place = places_at(places + at);
          each_numbered_place(s, row, column, [&](int32_t number, int64_t offset) {
            float* pixel = to + offset + c;
            store(pixel, load(pixel) + keep((Mask)(place == number), g));
          });
        }
      }
    }
  });
}

}  // namespace modalmix
