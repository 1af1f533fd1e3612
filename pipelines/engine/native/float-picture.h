// Where a picture's gradients are added up.
#pragma once

#include <vector>

#include "vector.h"

namespace modalmix {

// A picture's sums in single precision, whatever they are stored as in the end.
template <typename T>
class FloatPicture;

template <>
class FloatPicture<float> {
 public:
  FloatPicture(float* to, int64_t) : to_(to) {}
  float* numbers() { return to_; }

 private:
  float* to_;
};

template <>
class FloatPicture<Bfloat16> {
 public:
  FloatPicture(Bfloat16* to, int64_t size) : to_(to), size_(size) {
    if (int64_t(scratch().size()) < size) scratch().resize(size);
  }
  ~FloatPicture() {
    for (int64_t i = 0; i < size_; i += LANES) store(to_ + i, load(numbers() + i));
  }
  float* numbers() { return scratch().data(); }

 private:
  // Of the thread: one picture is made at a time.
  static std::vector<float>& scratch() {
    static thread_local std::vector<float> numbers;
    return numbers;
  }
  Bfloat16* to_;
  int64_t size_;
};

}  // namespace modalmix
