// The memory of large tensors, as a library that is loaded before the C library (LD_PRELOAD) in a process that trains.
// TensorFlow's own allocator keeps all that it ever had and fills a hole with less than half of it left over; malloc gives
// each large block back at once, and fresh pages, which have to be zero, cost a quarter of a step.
#include "tensor-memory.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cstring>

namespace {

// Smaller blocks are the C library's.
constexpr size_t SMALLEST = size_t(128) << 10;

// Neither is ever destroyed: memory is given back until the very end.
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
modalmix::TensorMemory memory;

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void* take(size_t alignment, size_t bytes) {
  if (bytes < SMALLEST || alignment > modalmix::TensorMemory::UNIT) return nullptr;
  pthread_mutex_lock(&lock);
  void* block = memory.take(bytes);
  pthread_mutex_unlock(&lock);
  return block;
}

}  // namespace

extern "C" {

int posix_memalign(void** result, size_t alignment, size_t bytes) {
  if (void* block = take(alignment, bytes)) {
    *result = block;
    return 0;
  }
  static const auto library = next<int (*)(void**, size_t, size_t)>("posix_memalign");
  return library(result, alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  if (void* block = take(alignment, bytes)) return block;
  static const auto library = next<void* (*)(size_t, size_t)>("aligned_alloc");
  return library(alignment, bytes);
}

void free(void* pointer) {
  if (memory.owns(pointer)) {
    pthread_mutex_lock(&lock);
    memory.give_back(pointer);
    pthread_mutex_unlock(&lock);
    return;
  }
  static const auto library = next<void (*)(void*)>("free");
  library(pointer);
}

size_t malloc_usable_size(void* pointer) {
  if (memory.owns(pointer)) return memory.size_of(pointer);
  static const auto library = next<size_t (*)(void*)>("malloc_usable_size");
  return library(pointer);
}

void* realloc(void* pointer, size_t bytes) {
  static const auto library = next<void* (*)(void*, size_t)>("realloc");
  if (!memory.owns(pointer)) return library(pointer, bytes);
  void* moved = bytes == 0 ? nullptr : library(nullptr, bytes);
  if (moved != nullptr) {
    const size_t before = memory.size_of(pointer);
    std::memcpy(moved, pointer, before < bytes ? before : bytes);
  }
  if (moved != nullptr || bytes == 0) free(pointer);
  return moved;
}

}  // extern "C"
