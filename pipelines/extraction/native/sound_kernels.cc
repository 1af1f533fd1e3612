// Log-magnitude spectrograms; `../native.ts` loads this.
// The values are those of `../spectrogram.ts` to the last bit: fft.js's and V8's operations on doubles in the same order, of
// four transforms at a time, none of them contracted (set-up compiles with -ffp-contract=off).
#include <node_api.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "../../process/native/arguments.h"

namespace {

// No wider than a register: compilers keep wider ones on the stack.
constexpr size_t kLanes = 4;
typedef double Doubles __attribute__((vector_size(8 * kLanes)));
typedef uint64_t Words __attribute__((vector_size(8 * kLanes)));
// Signed, as comparisons give them.
typedef int64_t Signed __attribute__((vector_size(8 * kLanes)));

struct Complex {
  Doubles re, im;
};

Doubles choose(Signed mask, Doubles yes, Doubles no) {
  const auto bits = reinterpret_cast<Words>(mask);
  return reinterpret_cast<Doubles>((bits & reinterpret_cast<Words>(yes)) | (~bits & reinterpret_cast<Words>(no)));
}

Doubles square_root(Doubles x) {
#if defined(__AVX2__)
  return _mm256_sqrt_pd(x);
#else
  Doubles root;
  for (size_t lane = 0; lane < kLanes; lane += 1) root[lane] = std::sqrt(x[lane]);
  return root;
#endif
}

// fdlibm's e_log.c (Sun Microsystems, 1993), which V8's Math.log is, for numbers that are normal and positive.
Doubles logarithm(Doubles x) {
  constexpr double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
  constexpr double Lg1 = 6.666666666666735130e-01, Lg2 = 3.999999999940941908e-01, Lg3 = 2.857142874366239149e-01,
                   Lg4 = 2.222219843214978396e-01, Lg5 = 1.818357216161805012e-01, Lg6 = 1.531383769920937332e-01,
                   Lg7 = 1.479819860511658591e-01;
  const auto bits = reinterpret_cast<Words>(x);
  const Words high = bits >> 32, hx = high & 0x000fffff;
  const Words i = (hx + 0x95f64) & 0x100000;
  const Words scaled = ((hx | (i ^ 0x3ff00000)) << 32) | (bits & 0xffffffff);
  const Doubles f = reinterpret_cast<Doubles>(scaled) - 1.0;
  // The exponent, made a double by way of 2^52.
  const Words biased = (high >> 20) + (i >> 20);
  const Doubles dk = reinterpret_cast<Doubles>(biased | 0x4330000000000000) - (0x1p52 + 1023);

  const Doubles s = f / (2.0 + f);
  const Doubles z = s * s;
  const Doubles w = z * z;
  const Doubles t1 = w * (Lg2 + w * (Lg4 + w * Lg6));
  const Doubles t2 = z * (Lg1 + w * (Lg3 + w * (Lg5 + w * Lg7)));
  const Doubles R = t2 + t1;
  const Doubles hfsq = 0.5 * f * f;
  const auto place = reinterpret_cast<Signed>(hx);
  const Signed middle = (place >= 0x6147a) & (place <= 0x6b851);
  const Doubles usual = dk * ln2_hi - choose(middle, (hfsq - (s * (hfsq + R) + dk * ln2_lo)) - f,
                                             (s * (f - R) - dk * ln2_lo) - f);
  const Doubles short_R = f * f * (0.5 - 0.33333333333333333 * f);
  const Doubles near_one = dk * ln2_hi - ((short_R - dk * ln2_lo) - f);
  const Signed near = reinterpret_cast<Signed>((hx + 2) & 0x000fffff) < 3;
  return choose(near, choose(reinterpret_cast<Signed>(f == 0.0), dk * ln2_hi + dk * ln2_lo, near_one), usual);
}

// fft.js's radix-4 transform, of `kLanes` inputs at once.
class Transform {
 public:
  // `table` holds the cosine and the negative sine of each of `size` parts of a turn.
  Transform(size_t size, const double* table) : size_(size), table_(table), out_(size) {
    size_t power = 0;
    while (size >> power > 1) power += 1;
    width_ = power % 2 == 0 ? power - 1 : power;
    order_.resize(size_t{1} << width_);
    for (size_t j = 0; j < order_.size(); j += 1) {
      for (size_t shift = 0; shift < width_; shift += 2) {
        // The last shift of an odd width is by -1, which JavaScript takes for 31: nothing of it is left.
        if (shift + 2 <= width_) order_[j] |= ((j >> shift) & 3) << (width_ - shift - 2);
      }
    }
  }

  const Complex* run(const Complex* data) {
    size_t step = size_t{1} << (width_ - 1);
    const size_t first = size_ / step;
    for (size_t at = 0, t = 0; at < size_; at += first, t += 1) {
      const size_t from = order_[t] / 2;
      if (first == 2) halves(data + from, step, &out_[at]);
      else quarters(data + from, step, &out_[at]);
    }
    for (step >>= 2; step >= 1; step >>= 2) {
      const size_t length = size_ / step;
      for (size_t at = 0; at < size_; at += length) join(&out_[at], length / 4, step);
    }
    return out_.data();
  }

 private:
  static void halves(const Complex* data, size_t step, Complex* out) {
    const Complex even = data[0], odd = data[step];
    out[0] = {even.re + odd.re, even.im + odd.im};
    out[1] = {even.re - odd.re, even.im - odd.im};
  }

  static void butterfly(Complex a, Complex b, Complex c, Complex d, Complex* out, size_t apart) {
    const Complex t0{a.re + c.re, a.im + c.im}, t1{a.re - c.re, a.im - c.im};
    const Complex t2{b.re + d.re, b.im + d.im}, t3{b.re - d.re, b.im - d.im};
    out[0] = {t0.re + t2.re, t0.im + t2.im};
    out[apart] = {t1.re + t3.im, t1.im - t3.re};
    out[2 * apart] = {t0.re - t2.re, t0.im - t2.im};
    out[3 * apart] = {t1.re - t3.im, t1.im + t3.re};
  }

  static void quarters(const Complex* data, size_t step, Complex* out) {
    butterfly(data[0], data[step], data[2 * step], data[3 * step], out, 1);
  }

  void join(Complex* out, size_t quarter, size_t step) const {
    for (size_t i = 0; i < quarter; i += 1) {
      const size_t k = i * step;
      butterfly(out[i], turned(out[i + quarter], k), turned(out[i + 2 * quarter], 2 * k),
                turned(out[i + 3 * quarter], 3 * k), &out[i], quarter);
    }
  }

  Complex turned(Complex value, size_t place) const {
    const double re = table_[2 * place], im = table_[2 * place + 1];
    return {value.re * re - value.im * im, value.re * im + value.im * re};
  }

  size_t size_, width_ = 0;
  const double* table_;
  std::vector<size_t> order_;
  std::vector<Complex> out_;
};

struct Sound {
  const float* samples;
  size_t length, size, hop;
  const double* window;
};

// Windowed samples of a column; silence before the first sample and after the last.
void fill_column(const Sound& sound, size_t column, double* into) {
  const auto first = static_cast<ptrdiff_t>(column * sound.hop) - static_cast<ptrdiff_t>(sound.size / 2);
  for (size_t i = 0; i < sound.size; i += 1) {
    const ptrdiff_t at = first + static_cast<ptrdiff_t>(i);
    const bool inside = at >= 0 && at < static_cast<ptrdiff_t>(sound.length);
    into[i * sizeof(Complex) / sizeof(double)] = inside ? sound.samples[at] * sound.window[i] : 0.0;
  }
}

// Two columns go through one transform, as its real and its imaginary part.
void log_spectrogram(const Sound& sound, const double* table, double offset, size_t times, float* out) {
  const size_t frequencies = sound.size / 2 + 1;
  Transform transform(sound.size, table);
  std::vector<Complex> columns(sound.size);
  for (size_t t = 0; t < times; t += 2 * kLanes) {
    for (size_t lane = 0; lane < kLanes; lane += 1) {
      // Beyond the last column nothing is read of what comes out.
      if (t + 2 * lane >= times) break;
      auto* into = reinterpret_cast<double*>(columns.data()) + lane;
      fill_column(sound, t + 2 * lane, into);
      fill_column(sound, t + 2 * lane + 1, into + kLanes);
    }
    const Complex* spectrum = transform.run(columns.data());
    for (size_t f = 0; f < frequencies; f += 1) {
      const Complex here = spectrum[f], mirrored = spectrum[f == 0 ? 0 : sound.size - f];
      const Doubles a = here.re + mirrored.re, b = here.im - mirrored.im;
      const Doubles c = here.im + mirrored.im, d = here.re - mirrored.re;
      const Doubles even = logarithm(0.5 * square_root(a * a + b * b) + offset);
      const Doubles odd = logarithm(0.5 * square_root(c * c + d * d) + offset);
      float* row = out + f * times + t;
      for (size_t lane = 0; lane < kLanes && t + 2 * lane < times; lane += 1) {
        row[2 * lane] = static_cast<float>(even[lane]);
        if (t + 2 * lane + 1 < times) row[2 * lane + 1] = static_cast<float>(odd[lane]);
      }
    }
  }
}

// logSpectrogram(samples: Float32Array, table: Float64Array, window: Float64Array, hop: number, offset: number,
// out: Float32Array): see `../native.ts`.
napi_value log_spectrogram_of(napi_env env, napi_callback_info info) {
  size_t count = 6;
  napi_value arguments[6];
  float *samples, *out;
  double *table, *window, offset;
  size_t length, angles, size, values;
  uint32_t hop;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 6 ||
      !array_of(env, arguments[0], napi_float32_array, &samples, &length) ||
      !array_of(env, arguments[1], napi_float64_array, &table, &angles) ||
      !array_of(env, arguments[2], napi_float64_array, &window, &size) ||
      napi_get_value_uint32(env, arguments[3], &hop) != napi_ok ||
      napi_get_value_double(env, arguments[4], &offset) != napi_ok ||
      !array_of(env, arguments[5], napi_float32_array, &out, &values) || size < 4 || (size & (size - 1)) != 0 ||
      angles != 2 * size || hop == 0 || values != (size / 2 + 1) * (1 + length / hop)) {
    return fail(env,
                "logSpectrogram takes samples, a table and a window of a power of two, a hop, an offset and room");
  }
  log_spectrogram({samples, length, size, hop, window}, table, offset, 1 + length / hop, out);
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "logSpectrogram", NAPI_AUTO_LENGTH, log_spectrogram_of, nullptr, &function);
  napi_set_named_property(env, exports, "logSpectrogram", function);
  return exports;
}
