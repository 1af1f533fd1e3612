// One pass over weights, gradients and an optimiser's memory. See optimizers/*.ts for what they compute.
#pragma once

#include <cmath>

#include "parallel.h"

namespace modalmix {

// Fewer numbers than these are not worth waking a thread.
constexpr int64_t UPDATE_RANGE = 1 << 16;

template <typename Body>
static void each_number(int64_t size, const Body& body) {
  parallel_ranges(size, (size + UPDATE_RANGE - 1) / UPDATE_RANGE, [&](int64_t from, int64_t to) { body(from, to); });
}

struct MomentumSettings {
  float rate, momentum, decay;
};

static void momentum_step(int64_t size, const MomentumSettings& s, const float* __restrict w, const float* __restrict v,
                          const float* __restrict g, float* __restrict new_w, float* __restrict new_v) {
  each_number(size, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i += 1) {
      const float velocity = s.momentum * v[i] + (g[i] + s.decay * w[i]);
      new_v[i] = velocity;
      new_w[i] = w[i] - s.rate * velocity;
    }
  });
}

struct AdamSettings {
  float beta1, rest1, beta2, rest2, rate, correction, epsilon, decay, shrink;
};

static void adam_step(int64_t size, const AdamSettings& s, const float* __restrict w, const float* __restrict m,
                      const float* __restrict v, const float* __restrict g, float* __restrict new_w,
                      float* __restrict new_m, float* __restrict new_v) {
  each_number(size, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i += 1) {
      const float gradient = g[i] + s.decay * w[i];
      const float first = s.beta1 * m[i] + s.rest1 * gradient;
      const float second = s.beta2 * v[i] + s.rest2 * gradient * gradient;
      new_m[i] = first;
      new_v[i] = second;
      new_w[i] = s.shrink * w[i] - s.rate * first / (std::sqrt(second) / s.correction + s.epsilon);
    }
  });
}

}  // namespace modalmix
