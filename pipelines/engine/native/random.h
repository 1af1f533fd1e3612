// Normal random numbers from Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011) by
// Box and Muller's transform, eight at a time. Every number is a pure function of key, counter and its place; the
// layout is that of `kernels/gaussian.ts`, which draws the same words with TensorFlow's own operators.
#pragma once

#include <cmath>
#include <vector>

#include "optimizers.h"
#include "parallel.h"
#include "vector.h"

namespace modalmix {

// Numbers that eight blocks give: word by word of the block, its eight lanes together.
constexpr int64_t GROUP = 4 * LANES;

// Of one array of random numbers; the lowest word of the counter counts blocks.
struct Stream {
  uint32_t key[2];
  uint32_t counter[4];
};

static INLINE Words words(uint32_t value) { return Words{} + value; }

static INLINE void multiply(Words a, uint32_t b, Words& high, Words& low) {
  for (int64_t lane = 0; lane < LANES; lane += 1) {
    const uint64_t product = uint64_t(a[lane]) * b;
    high[lane] = product >> 32;
    low[lane] = uint32_t(product);
  }
}

#if defined(__AVX2__)
static INLINE void multiply_avx2(Words a, uint32_t b, Words& high, Words& low) {
  const __m256i x = (__m256i)a, factor = _mm256_set1_epi32(int32_t(b));
  const __m256i even = _mm256_mul_epu32(x, factor), odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), factor);
  low = (Words)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  high = (Words)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
#define MULTIPLY multiply_avx2
#else
#define MULTIPLY multiply
#endif

// Blocks `first` … `first` + 7 of the stream: block[w] holds their words w.
static INLINE void philox(const Stream& s, uint32_t first, Words* block) {
  Words c0 = words(s.counter[0] + first) + Words{0, 1, 2, 3, 4, 5, 6, 7};
  Words c1 = words(s.counter[1]), c2 = words(s.counter[2]), c3 = words(s.counter[3]);
  uint32_t k0 = s.key[0], k1 = s.key[1];
  for (int round = 0; round < 10; round += 1) {
    Words high0, low0, high1, low1;
    MULTIPLY(c0, 0xd2511f53u, high0, low0);
    MULTIPLY(c2, 0xcd9e8d57u, high1, low1);
    c0 = high1 ^ c1 ^ words(k0);
    c1 = low1;
    c2 = high0 ^ c3 ^ words(k1);
    c3 = low0;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

#undef MULTIPLY

static INLINE Vector to_float(Mask value) { return __builtin_convertvector(value, Vector); }

static INLINE Vector select(Mask mask, Vector yes, Vector no) {
  return (Vector)(((Mask)yes & mask) | ((Mask)no & ~mask));
}

static INLINE Vector square_root(Vector x) {
#if defined(__AVX2__)
  return (Vector)_mm256_sqrt_ps((__m256)x);
#else
  Vector root;
  for (int64_t lane = 0; lane < LANES; lane += 1) root[lane] = std::sqrt(x[lane]);
  return root;
#endif
}

// Natural logarithm of normal positive numbers (Moshier's polynomial, as in Cephes' logf).
static INLINE Vector logarithm(Vector x) {
  const Mask bits = (Mask)x;
  Mask exponent = ((bits >> 23) & 0xff) - 126;
  Vector m = (Vector)((bits & 0x007fffff) | 0x3f000000);  // [½, 1)
  const Mask small = (Mask)(m < 0.70710678f);
  exponent += small;  // −1 where small
  m = select(small, m + m, m) - 1;
  const Vector e = to_float(exponent), z = m * m;
  Vector p = splat(7.0376836292e-2f);
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return ((p * m * z + e * -2.12194440e-4f) - 0.5f * z) + m + e * 0.693359375f;
}

// cos and sin of 2π · turn / 2³²
static INLINE void circle(Mask turn, Vector& cosine, Vector& sine) {
  const Mask quarter = (Mask)((Words)turn + (1u << 29)) >> 30;
  const Vector x = to_float((Mask)((Words)turn - ((Words)quarter << 30))) * 1.4629180792671596e-9f;  // [−π/4, π/4]
  const Vector z = x * x;
  const Vector s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
  const Vector c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1;
  const Mask odd = (quarter & 1) != 0, turned = ((quarter + 1) & 2) != 0, under = (quarter & 2) != 0;
  cosine = select(odd, s, c);
  sine = select(odd, c, s);
  cosine = select(turned, -cosine, cosine);
  sine = select(under, -sine, sine);
}

// A group of normal numbers: [4] of eight.
static INLINE void normal_group(const Stream& stream, int64_t group, Vector* z) {
  Words block[4];
  philox(stream, uint32_t(group * LANES), block);
  for (int64_t half = 0; half < 2; half += 1) {
    const Vector share = (to_float((Mask)block[2 * half] & 0x7fffffff) + 0.5f) * 4.656612873077393e-10f;  // (0, 1]
    const Vector radius = square_root(-2 * logarithm(share));
    Vector cosine, sine;
    circle((Mask)block[2 * half + 1], cosine, sine);
    z[2 * half] = radius * cosine;
    z[2 * half + 1] = radius * sine;
  }
}

// body(place, z) for each number; whole vectors by `whole(place, z)`.
template <typename Whole, typename Single>
static void each_normal(const Stream& stream, int64_t size, const Whole& whole, const Single& single) {
  each_number((size + GROUP - 1) / GROUP, [&](int64_t from, int64_t to) {
    for (int64_t group = from; group < to; group += 1) {
      Vector z[4];
      normal_group(stream, group, z);
      for (int64_t k = 0; k < 4; k += 1) {
        const int64_t at = group * GROUP + k * LANES;
        if (at + LANES <= size) {
          whole(at, z[k]);
          continue;
        }
        for (int64_t lane = 0; at + lane < size; lane += 1) single(at + lane, z[k][lane]);
      }
    }
  });
}

static void gaussian(const Stream& stream, int64_t size, float* out) {
  each_normal(
      stream, size, [&](int64_t at, Vector z) { store(out + at, z); }, [&](int64_t at, float z) { out[at] = z; });
}

// With Bessel's correction.
static double deviation_of(int64_t size, const float* x) {
  const int64_t ranges = (size + UPDATE_RANGE - 1) / UPDATE_RANGE;
  std::vector<double> sums(2 * ranges, 0.0);
  Pool::instance().run(ranges, [&](int64_t range) {
    double sum = 0, squares = 0;
    for (int64_t start = range * UPDATE_RANGE; start < std::min(size, (range + 1) * UPDATE_RANGE); start += 1024) {
      const int64_t end = std::min({size, (range + 1) * UPDATE_RANGE, start + 1024});
      Vector first{}, second{};
      int64_t i = start;
      for (; i + LANES <= end; i += LANES) {
        const Vector v = load(x + i);
        first += v;
        second += v * v;
      }
      for (int64_t lane = 0; lane < LANES; lane += 1) {
        sum += first[lane];
        squares += second[lane];
      }
      for (; i < end; i += 1) {
        sum += x[i];
        squares += double(x[i]) * x[i];
      }
    }
    sums[2 * range] = sum;
    sums[2 * range + 1] = squares;
  });
  double sum = 0, squares = 0;
  for (int64_t range = 0; range < ranges; range += 1) {
    sum += sums[2 * range];
    squares += sums[2 * range + 1];
  }
  return std::sqrt(std::max(0.0, squares - sum * sum / size) / std::max<int64_t>(1, size - 1));
}

// factor · g + (std(g) + extra) · z
static void add_noise(const Stream& stream, int64_t size, float factor, float extra, const float* g, float* out) {
  const float deviation = float(deviation_of(size, g)) + extra;
  each_normal(
      stream, size, [&](int64_t at, Vector z) { store(out + at, factor * load(g + at) + deviation * z); },
      [&](int64_t at, float z) { out[at] = factor * g[at] + deviation * z; });
}

}  // namespace modalmix
