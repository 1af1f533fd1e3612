// Memory for what a kernel needs while it runs.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

namespace modalmix {

// Numbers of a thread, kept from call to call; what they are is undefined.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::free(numbers_); }

  // At the beginning of a line of the cache.
  float* of(int64_t size) {
    if (size > size_) {
      std::free(numbers_);
      const size_t bytes = (size * sizeof(float) + LINE - 1) / LINE * LINE;
      numbers_ = static_cast<float*>(std::aligned_alloc(LINE, bytes));
      size_ = numbers_ == nullptr ? 0 : size;
      if (numbers_ == nullptr) throw std::bad_alloc();
    }
    return numbers_;
  }

 private:
  static constexpr size_t LINE = 64;
  float* numbers_ = nullptr;
  int64_t size_ = 0;
};

// What a kernel has at once; kernels of one thread run one after the other and share the memory.
enum class Use { TILES, OTHER_TILES, FILTERS = OTHER_TILES, SUMS, TAPS, LINE };

// The calling thread's own.
template <Use use>
static float* scratch(int64_t size) {
  static thread_local Scratch numbers;
  return numbers.of(size);
}

}  // namespace modalmix
