// Eight floats at once, by the compiler's own vectors.
#pragma once

#include <cstdint>
#include <cstring>

namespace modalmix {

constexpr int64_t LANES = 8;

typedef float Vector __attribute__((vector_size(32)));
typedef int32_t Mask __attribute__((vector_size(32)));

#define INLINE inline __attribute__((always_inline))

static INLINE Vector load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

static INLINE void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }

static INLINE Vector splat(float value) { return Vector{} + value; }

// value where the mask is set, else 0
static INLINE Vector keep(Mask mask, Vector value) { return (Vector)((Mask)value & mask); }

}  // namespace modalmix
