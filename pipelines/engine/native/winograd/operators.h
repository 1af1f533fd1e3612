// Winograd's convolutions as operators: in one kernel, and its transforms alone for who multiplies otherwise.
#pragma once

#include "../call.h"
#include "convolution.h"
#include "filter-gradient.h"

namespace modalmix {

constexpr const char* FITTING = "pictures and a 3×3 filter that fit each other, with channels in eights, are needed";

static bool is_filter(const Dims& g) {
  return g.size() == 4 && g[0] == 3 && g[1] == 3 && g[2] % LANES == 0 && g[3] % LANES == 0;
}

template <typename T>
static void winograd_input(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  const Tiling t(d[0], d[1], d[2], d[3]);
  float* v = call.output(0, {POSITIONS, t.tiles, t.channels});
  if (call.ok()) transform_input(t, call.numbers<T>(0), v);
}

template <typename T>
static void winograd_output(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  Tiling t(s.images, s.height, s.width, d[2]);
  t.tiles = d[1];
  if (!call.require(d[0] == POSITIONS && t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  T* y = call.output<T>(0, {t.images, t.height, t.width, t.channels});
  if (call.ok()) transform_output(t, call.numbers(0), y);
}

template <typename T>
static void winograd_output_gradient(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[3] % LANES == 0, EIGHTS)) return;
  // As many tiles as the input has: the channels of the other side decide about the rows of zeros.
  const Dims other = call.shape(1);
  if (!call.require(other.size() == 3, "the input's tiles are needed")) return;
  Tiling t(d[0], d[1], d[2], d[3]);
  t.tiles = other[1];
  if (!call.require(t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  float* z = call.output(0, {POSITIONS, t.tiles, t.channels});
  if (call.ok()) transform_output_gradient(t, call.numbers<T>(0), z);
}

template <typename T>
static void winograd_input_gradient(const Settings& s, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  Tiling t(s.images, s.height, s.width, d[2]);
  t.tiles = d[1];
  if (!call.require(t.tiles >= t.used(), "the tiles are not those of the picture")) return;
  T* dx = call.output<T>(0, {t.images, t.height, t.width, t.channels});
  const T* addend = call.inputs() > 1 ? call.numbers<T>(1) : nullptr;
  if (call.ok()) transform_input_gradient(t, call.numbers(0), addend, dx);
}

static void winograd_filter(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 4 && d[0] == 3 && d[1] == 3 && d[3] % LANES == 0, EIGHTS)) return;
  float* u = call.output(0, {POSITIONS, d[2], d[3]});
  if (call.ok()) transform_filter(d[2] * d[3], call.numbers(0), u);
}

static void winograd_sums_to_filter(const Settings&, Call& call) {
  const Dims d = call.shape(0);
  if (!call.require(d.size() == 3 && d[2] % LANES == 0, EIGHTS)) return;
  float* g = call.output(0, {3, 3, d[1], d[2]});
  if (call.ok()) transform_filter_gradient(d[1] * d[2], call.numbers(0), g);
}

// x and the filter [3, 3, C, D] → y
template <typename T>
static void winograd_convolution(const Settings&, Call& call) {
  const Dims x = call.shape(0), g = call.shape(1);
  if (!call.require(x.size() == 4 && is_filter(g) && g[2] == x[3], FITTING)) return;
  T* y = call.output<T>(0, {x[0], x[1], x[2], g[3]});
  const Filters filters{call.numbers(1), g[2], g[3], false};
  if (call.ok()) convolve<T>(Tiling(x[0], x[1], x[2], x[3]), call.numbers<T>(0), filters, nullptr, y);
}

// dy, the filter and perhaps an addend → dx
template <typename T>
static void winograd_convolution_back(const Settings&, Call& call) {
  const Dims dy = call.shape(0), g = call.shape(1);
  if (!call.require(dy.size() == 4 && is_filter(g) && g[3] == dy[3], FITTING)) return;
  const Dims d{dy[0], dy[1], dy[2], g[2]};
  if (!call.require(call.inputs() == 2 || call.shape(2) == d, "the addend has not the gradient's shape")) return;
  T* dx = call.output<T>(0, d);
  const T* addend = call.inputs() > 2 ? call.numbers<T>(2) : nullptr;
  const Filters filters{call.numbers(1), g[3], g[2], true};
  if (call.ok()) convolve<T>(Tiling(dy[0], dy[1], dy[2], dy[3]), call.numbers<T>(0), filters, addend, dx);
}

// x and dy → the filter's gradient
template <typename T>
static void winograd_filter_of_pictures(const Settings&, Call& call) {
  const Dims x = call.shape(0), dy = call.shape(1);
  const bool fits = x.size() == 4 && dy.size() == 4 && Dims(x.begin(), x.begin() + 3) == Dims(dy.begin(), dy.begin() + 3);
  if (!call.require(fits && x[3] % LANES == 0 && dy[3] % LANES == 0, FITTING)) return;
  float* g = call.output(0, {3, 3, x[3], dy[3]});
  const Tiling t(x[0], x[1], x[2], x[3]);
  if (call.ok()) winograd_filter_gradient(t, dy[3], call.numbers<T>(0), call.numbers<T>(1), g);
}

}  // namespace modalmix
