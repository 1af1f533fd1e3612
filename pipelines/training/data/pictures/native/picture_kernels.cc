// Cuts, resizes and normalises pictures, and normalises sound; `../native.ts` loads this.
// The values are those of `../render-view.ts` to the last bit: the same operations on doubles in the same order, none of
// them contracted (set-up compiles with -ffp-contract=off).
#include <node_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "../../../../process/native/arguments.h"

namespace {

// No wider than a register: compilers keep wider ones on the stack.
typedef uint8_t Bytes __attribute__((vector_size(4)));
typedef int32_t Longs __attribute__((vector_size(16)));
typedef double Doubles __attribute__((vector_size(32)));

// A point is read and written four values wide, whatever it has of them; what is too many is overwritten by the next.
constexpr size_t kWide = 4;

// For each place of the output, the two places of the input around it and the second one's weight.
struct Places {
  size_t side;
  const int32_t* low;
  const int32_t* high;
  const double* weight;
};

struct Pictures {
  const uint8_t* data;
  size_t frames, height, width, channels;
};

Longs wide(const uint8_t* point) {
#if defined(__AVX2__)
  // One instruction, where compilers make a dozen of the conversion.
  int32_t bytes;
  std::memcpy(&bytes, point, sizeof bytes);
  return reinterpret_cast<Longs>(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes)));
#else
  Bytes bytes;
  std::memcpy(&bytes, point, sizeof bytes);
  return __builtin_convertvector(bytes, Longs);
#endif
}

// A row of the input, resized in its direction: `side` points, and room for a wide one after the last.
template <size_t channels>
void resize_row(const uint8_t* row, const Places& columns, double* into) {
  const auto [side, low, high, weight] = columns;
  for (size_t x = 0; x < side; x += 1) {
    const Longs left = wide(row + low[x] * channels);
    const Longs right = wide(row + high[x] * channels);
    const Doubles values =
        __builtin_convertvector(left, Doubles) + __builtin_convertvector(right - left, Doubles) * weight[x];
    std::memcpy(into + x * channels, &values, sizeof values);
  }
}

void blend_rows(const double* __restrict upper, const double* __restrict lower, double weight,
                const double* __restrict factor, const double* __restrict shift, size_t length, float* __restrict out) {
  for (size_t i = 0; i < length; i += 1) {
    const double value = upper[i] + (lower[i] - upper[i]) * weight;
    out[i] = static_cast<float>(value * factor[i] + shift[i]);
  }
}

// Two rows of the input, resized: neighbouring rows of the output often lie between the same ones.
template <size_t channels>
class ResizedRows {
 public:
  ResizedRows(const Pictures& pictures, const Places& columns)
      : pictures_(pictures), columns_(columns), row_bytes_(pictures.width * channels) {
    for (auto& line : lines_) line.values.resize(columns.side * channels + kWide);
    // Elsewhere a wide point ends in the rows that follow; in these memory would end before. Only narrow pictures have more than one.
    const size_t beyond = kWide - channels;
    const size_t last = std::min(rows(), (beyond + row_bytes_ - 1) / row_bytes_);
    first_last_ = rows() - last;
    last_rows_.resize(last * row_bytes_ + kWide);
    std::memcpy(last_rows_.data(), pictures.data + first_last_ * row_bytes_, last * row_bytes_);
  }

  // A row counted from the first frame's first one; it stays until the next but one is asked for.
  const double* at(size_t row) {
    if (lines_[newest_].row != row) {
      newest_ = 1 - newest_;
      auto& line = lines_[newest_];
      if (line.row != row) {
        const uint8_t* from = row < first_last_ ? pictures_.data + row * row_bytes_
                                                : last_rows_.data() + (row - first_last_) * row_bytes_;
        resize_row<channels>(from, columns_, line.values.data());
        line.row = row;
      }
    }
    return lines_[newest_].values.data();
  }

 private:
  struct Line {
    size_t row = SIZE_MAX;
    std::vector<double> values;
  };

  size_t rows() const { return pictures_.frames * pictures_.height; }

  const Pictures& pictures_;
  const Places& columns_;
  size_t row_bytes_, first_last_;
  std::vector<uint8_t> last_rows_;
  Line lines_[2];
  size_t newest_ = 0;
};

// The scale holds the channels' factors, then their shifts.
template <size_t channels>
void render(const Pictures& pictures, const Places& rows, const Places& columns, const double* scale, float* out) {
  const size_t length = columns.side * channels;
  std::vector<double> factor(length), shift(length);
  for (size_t i = 0; i < length; i += 1) {
    factor[i] = scale[i % channels];
    shift[i] = scale[channels + i % channels];
  }
  ResizedRows<channels> resized(pictures, columns);
  for (size_t t = 0; t < pictures.frames; t += 1) {
    const size_t first = t * pictures.height;
    for (size_t y = 0; y < rows.side; y += 1, out += length) {
      const double* upper = resized.at(first + rows.low[y]);
      const double* lower = resized.at(first + rows.high[y]);
      blend_rows(upper, lower, rows.weight[y], factor.data(), shift.data(), length, out);
    }
  }
}

// Whether so many hold as many as all factors together.
bool is_product(size_t length, std::initializer_list<size_t> factors) {
  size_t product = 1;
  for (const size_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return false;
  }
  return product <= length;
}

// Lower places, then upper ones, within `size`; and a weight for each.
bool places_of(napi_env env, napi_value places, napi_value weights, size_t size, Places* into) {
  int32_t* low;
  double* weight;
  size_t length, side;
  if (!array_of(env, places, napi_int32_array, &low, &length) ||
      !array_of(env, weights, napi_float64_array, &weight, &side) || length != 2 * side)
    return false;
  for (size_t i = 0; i < length; i += 1) {
    if (low[i] < 0 || static_cast<size_t>(low[i]) >= size) return false;
  }
  *into = {side, low, low + side, weight};
  return true;
}

// renderPictures(data: Uint8Array, shape: Int32Array, rows: Int32Array, rowWeights: Float64Array, columns: Int32Array,
// columnWeights: Float64Array, scale: Float64Array, out: Float32Array): see `../native.ts`.
napi_value render_pictures(napi_env env, napi_callback_info info) {
  constexpr size_t kArguments = 8;
  size_t count = kArguments;
  napi_value arguments[kArguments];
  uint8_t* data;
  int32_t* shape;
  double* scale;
  float* out;
  size_t bytes, axes, scales, values;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != kArguments ||
      !array_of(env, arguments[0], napi_uint8_array, &data, &bytes) ||
      !array_of(env, arguments[1], napi_int32_array, &shape, &axes) || axes != 4 ||
      !array_of(env, arguments[6], napi_float64_array, &scale, &scales) ||
      !array_of(env, arguments[7], napi_float32_array, &out, &values)) {
    return fail(env, "renderPictures takes pictures, their shape, places, a scale and room for the values");
  }
  for (size_t i = 0; i < axes; i += 1) {
    if (shape[i] < 1) return fail(env, "renderPictures takes pictures of a size");
  }
  const Pictures pictures{data, static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1]),
                          static_cast<size_t>(shape[2]), static_cast<size_t>(shape[3])};
  Places rows, columns;
  if (!places_of(env, arguments[2], arguments[3], pictures.height, &rows) ||
      !places_of(env, arguments[4], arguments[5], pictures.width, &columns)) {
    return fail(env, "renderPictures takes places inside the pictures, and their weights");
  }
  const size_t channels = pictures.channels;
  // A product that is too long for 64 bits is no small one.
  if (channels > 3 || !is_product(bytes, {pictures.frames, pictures.height, pictures.width, channels}) ||
      scales != 2 * channels || !is_product(values, {pictures.frames, rows.side, columns.side, channels})) {
    return fail(env, "renderPictures takes as many bytes as the shape says, and room for as many values");
  }
  if (channels == 1) render<1>(pictures, rows, columns, scale, out);
  else if (channels == 2) render<2>(pictures, rows, columns, scale, out);
  else render<3>(pictures, rows, columns, scale, out);
  return nullptr;
}

// normalise(data: Float32Array, shift: number, factor: number, out: Float32Array): as many values as `out` has.
napi_value normalise(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  float *data, *out;
  double shift, factor;
  size_t given, length;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 4 ||
      !array_of(env, arguments[0], napi_float32_array, &data, &given) ||
      napi_get_value_double(env, arguments[1], &shift) != napi_ok ||
      napi_get_value_double(env, arguments[2], &factor) != napi_ok ||
      !array_of(env, arguments[3], napi_float32_array, &out, &length) || given < length) {
    return fail(env, "normalise takes floats, a shift, a factor and no more room than there are floats");
  }
  const float* __restrict from = data;
  float* __restrict into = out;
  for (size_t i = 0; i < length; i += 1) {
    into[i] = static_cast<float>((static_cast<double>(from[i]) - shift) * factor);
  }
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "renderPictures", NAPI_AUTO_LENGTH, render_pictures, nullptr, &function);
  napi_set_named_property(env, exports, "renderPictures", function);
  napi_create_function(env, "normalise", NAPI_AUTO_LENGTH, normalise, nullptr, &function);
  napi_set_named_property(env, exports, "normalise", function);
  return exports;
}
