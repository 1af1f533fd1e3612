// Eight floats at once, by the compiler's own vectors, or sixteen; in memory they may be bfloat16.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace modalmix {

constexpr int64_t LANES = 8;

typedef float Vector __attribute__((vector_size(32)));
typedef int32_t Mask __attribute__((vector_size(32)));
typedef uint32_t Words __attribute__((vector_size(32)));
typedef uint16_t Halves __attribute__((vector_size(16)));

// Sixteen, for kernels that gain from it, where the build is for a processor that has AVX-512. Each number is made by the
// same operations in the same order as with eight: the bits are the same.
constexpr int64_t WIDE_LANES = 16;
typedef float Wide __attribute__((vector_size(64)));
typedef uint32_t WideWords __attribute__((vector_size(64)));
typedef uint16_t WideHalves __attribute__((vector_size(32)));
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
constexpr bool HAS_WIDE = true;
#else
constexpr bool HAS_WIDE = false;
#endif

// Numbers of two vectors, by their places in both. The one is Clang's, the other all GCCs'.
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Mask{__VA_ARGS__})
#endif

#define INLINE inline __attribute__((always_inline))
// Of a lambda.
#define INLINED __attribute__((always_inline))

template <typename V>
constexpr int64_t LANES_OF = sizeof(V) / sizeof(float);

// Whole numbers of as many lanes.
template <typename V>
struct Whole {
  using Bits = Words;
  using Upper = Halves;
};
template <>
struct Whole<Wide> {
  using Bits = WideWords;
  using Upper = WideHalves;
};

template <typename V = Vector>
static INLINE V load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

static INLINE void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }
static INLINE void store(float* to, Wide v) { std::memcpy(to, &v, sizeof v); }

// The upper half of a float.
struct Bfloat16 {
  uint16_t bits;
};

template <typename V = Vector>
static INLINE V load(const Bfloat16* from) {
  typename Whole<V>::Upper halves;
  std::memcpy(&halves, from, sizeof halves);
  return (V)(__builtin_convertvector(halves, typename Whole<V>::Bits) << 16);
}

// The upper halves, rounded to the nearest, ties to even; what is no number stays none.
template <typename V>
static INLINE typename Whole<V>::Bits upper_halves(V v) {
  using Bits = typename Whole<V>::Bits;
  const Bits bits = (Bits)v, none = (Bits)(v != v);
  const Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return (rounded & ~none) | (((bits >> 16) | 0x40) & none);
}

static INLINE void store(Bfloat16* to, Vector v) {
#if defined(__AVX2__)
  const __m256i words = (__m256i)upper_halves(v);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
#else
  const Halves halves = __builtin_convertvector(upper_halves(v), Halves);
#endif
  std::memcpy(to, &halves, 16);
}

static INLINE void store(Bfloat16* to, Wide v) {
  const WideHalves halves = __builtin_convertvector(upper_halves(v), WideHalves);
  std::memcpy(to, &halves, sizeof halves);
}

// body(c, a vector of zeros) over `count` numbers, which come in eights: sixteen at a time where there are as many.
template <typename Body>
static INLINE void each_vector(int64_t count, const Body& body) {
  int64_t c = 0;
  if constexpr (HAS_WIDE) {
    for (; c + WIDE_LANES <= count; c += WIDE_LANES) body(c, Wide{});
  }
  for (; c < count; c += LANES) body(c, Vector{});
}

// What is left of v when it is stored as T.
template <typename T>
static INLINE Vector rounded(Vector v) {
  return sizeof(T) == sizeof(float) ? v : (Vector)(upper_halves(v) << 16);
}

static INLINE float value_of(float x) { return x; }

static INLINE float value_of(Bfloat16 x) {
  const uint32_t bits = uint32_t(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static INLINE Vector splat(float value) { return Vector{} + value; }

// value where the mask is set, else 0
static INLINE Vector keep(Mask mask, Vector value) { return (Vector)((Mask)value & mask); }

// `count` comes in eights where the type changes.
static inline void copy(float* to, const float* from, int64_t count) { std::memcpy(to, from, count * sizeof(float)); }

static inline void copy(float* to, const Bfloat16* from, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) store(to + i, load(from + i));
}

}  // namespace modalmix
