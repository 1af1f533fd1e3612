// Work split over threads, the same parts each time: results do not depend on which thread takes which.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace modalmix {

// Denormal numbers cost a hundredfold and say nothing; TensorFlow flushes them in its own threads too.
inline void flush_denormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

class Pool {
 public:
  // Never destroyed: its threads live as long as the process.
  static Pool& instance() {
    static Pool* pool = new Pool();
    return *pool;
  }

  // Calls body(part) for each part in [0, parts), on whichever thread is free.
  void run(int64_t parts, const std::function<void(int64_t)>& body) {
    if (threads_ == 1 || parts <= 1) {
      flush_denormals();
      for (int64_t part = 0; part < parts; part += 1) body(part);
      return;
    }
    std::lock_guard<std::mutex> one_caller(caller_);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      parts_ = parts;
      next_ = 0;
      working_ = threads_ - 1;
      round_ += 1;
    }
    start_.notify_all();
    flush_denormals();
    take(body, parts);
    // The others have a part each at most: mostly they end before a sleeping thread would have woken up.
    for (int spin = 0; spin < SPINS && working_.load(std::memory_order_acquire) > 0; spin += 1) pause();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return working_ == 0; });
  }

  int64_t threads() const { return threads_; }

 private:
  // Some tens of microseconds.
  static constexpr int SPINS = 1000;

  Pool() {
    const char* wanted = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int64_t asked = wanted == nullptr ? 0 : std::atoll(wanted);
    threads_ = asked > 0 ? asked : std::max<int64_t>(1, std::thread::hardware_concurrency());
    for (int64_t index = 1; index < threads_; index += 1) std::thread(&Pool::work, this).detach();
  }

  void take(const std::function<void(int64_t)>& body, int64_t parts) {
    for (int64_t part = next_++; part < parts; part = next_++) body(part);
  }

  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#endif
  }

  void work() {
    flush_denormals();
    int64_t seen = 0;
    for (;;) {
      const std::function<void(int64_t)>* body;
      int64_t parts;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        start_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        body = body_;
        parts = parts_;
      }
      take(*body, parts);
      std::lock_guard<std::mutex> lock(mutex_);
      working_ -= 1;
      if (working_ == 0) done_.notify_one();
    }
  }

  std::mutex caller_, mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int64_t)>* body_ = nullptr;
  std::atomic<int64_t> next_{0}, working_{0};
  int64_t threads_ = 1, parts_ = 0, round_ = 0;
};

inline int64_t ceiling(int64_t count, int64_t size) { return (count + size - 1) / size; }

// body(from, to) over [0, count) in at most `chunks` ranges, which do not depend on the number of threads.
template <typename Body>
void parallel_ranges(int64_t count, int64_t chunks, const Body& body) {
  chunks = std::max<int64_t>(1, std::min(count, chunks));
  Pool::instance().run(chunks, [&](int64_t chunk) { body(count * chunk / chunks, count * (chunk + 1) / chunks); });
}

}  // namespace modalmix
