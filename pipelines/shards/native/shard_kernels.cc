// What a shard's rows are summed with, and how its file gets to the disk early; `./kernels.ts` loads this.
// The sums are those of `./channel-sums.ts` to the last bit: whole numbers of bytes, and floats in their order.
#include <node_api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#endif

#include "../../process/native/arguments.h"

namespace {

constexpr size_t kMostChannels = 3;

struct Sums {
  double sum[kMostChannels] = {};
  double squares[kMostChannels] = {};
};

typedef uint16_t Words __attribute__((vector_size(32)));
typedef uint32_t Longs __attribute__((vector_size(32)));

constexpr size_t kWidth = 32;
// A whole number of points of one, two or three channels: a byte of a block has the same channel each time.
constexpr size_t kGroup = 3;
constexpr size_t kBlock = kGroup * kWidth;
constexpr size_t kBytesInLong = 4;
// 257 · 255 < 2^16 and 65,792 · 255² < 2^32.
constexpr size_t kMostInWord = 257;
constexpr size_t kMostInLong = 256 * kMostInWord;

// Sums of the bytes at one place in four, and of their squares.
struct LaneSums {
  Longs sum[kBytesInLong] = {}, squares[kBytesInLong] = {};
};

// The first bytes of each of some blocks, `kWidth` of them; as few sums at a time as there are registers.
void add_run(const uint8_t* data, size_t blocks, LaneSums& into) {
  Words even = {}, odd = {};
  Longs squares[kBytesInLong];
  std::memcpy(squares, into.squares, sizeof squares);
  for (size_t i = 0; i < blocks; i += 1, data += kBlock) {
    Words pairs;
    std::memcpy(&pairs, data, sizeof pairs);
    const Words first = pairs & 0xff, second = pairs >> 8;
    even += first;
    odd += second;
    const Longs of_first = (Longs)(first * first), of_second = (Longs)(second * second);
    squares[0] += of_first & 0xffff;
    squares[1] += of_second & 0xffff;
    squares[2] += of_first >> 16;
    squares[3] += of_second >> 16;
  }
  std::memcpy(into.squares, squares, sizeof squares);
  into.sum[0] += (Longs)even & 0xffff;
  into.sum[1] += (Longs)odd & 0xffff;
  into.sum[2] += (Longs)even >> 16;
  into.sum[3] += (Longs)odd >> 16;
}

// Whole numbers below 2^53: no order of adding them makes a difference.
Sums sum_bytes(const uint8_t* data, size_t length, size_t channels) {
  Sums sums;
  size_t at = 0;
  while (length - at >= kBlock) {
    LaneSums lanes[kGroup];
    const size_t blocks = std::min((length - at) / kBlock, kMostInLong);
    for (size_t done = 0; done < blocks;) {
      // Few enough to be in the processor's nearest cache when they are read again.
      const size_t some = std::min(blocks - done, kMostInWord);
      for (size_t k = 0; k < kGroup; k += 1) add_run(data + at + k * kWidth, some, lanes[k]);
      at += some * kBlock;
      done += some;
    }
    for (size_t i = 0; i < kBlock; i += 1) {
      const LaneSums& lane = lanes[i / kWidth];
      const size_t place = i % kBytesInLong, number = i % kWidth / kBytesInLong;
      sums.sum[i % channels] += lane.sum[place][number];
      sums.squares[i % channels] += lane.squares[place][number];
    }
  }
  for (; at < length; at += 1) {
    const double value = data[at];
    sums.sum[at % channels] += value;
    sums.squares[at % channels] += value * value;
  }
  return sums;
}

// A square of a float is exact as a double; the sums round, so they keep the order of the values.
Sums sum_floats(const float* data, size_t length, size_t channels) {
  Sums sums;
  if (channels == 1) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < length; i += 1) {
      const double value = data[i];
      sum += value;
      squares += value * value;
    }
    sums.sum[0] = sum;
    sums.squares[0] = squares;
    return sums;
  }
  for (size_t i = 0; i < length; i += 1) {
    const double value = data[i];
    sums.sum[i % channels] += value;
    sums.squares[i % channels] += value * value;
  }
  return sums;
}

// sumChannels(data: Float32Array | Uint8Array, channels: 1 | 2 | 3, into: Float64Array): sums, then sums of squares.
napi_value sum_channels(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  napi_typedarray_type type, into_type;
  size_t length, into_length;
  void *data, *into;
  uint32_t channels;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_typedarray_info(env, arguments[0], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      napi_get_value_uint32(env, arguments[1], &channels) != napi_ok ||
      napi_get_typedarray_info(env, arguments[2], &into_type, &into_length, &into, nullptr, nullptr) != napi_ok ||
      channels < 1 || channels > kMostChannels || into_type != napi_float64_array || into_length != 2 * channels) {
    return fail(env, "sumChannels takes values, 1 to 3 channels and room for two numbers a channel");
  }
  Sums sums;
  if (type == napi_uint8_array) sums = sum_bytes(static_cast<uint8_t*>(data), length, channels);
  else if (type == napi_float32_array) sums = sum_floats(static_cast<float*>(data), length, channels);
  else return fail(env, "sumChannels takes bytes or floats");
  std::memcpy(into, sums.sum, channels * sizeof(double));
  std::memcpy(static_cast<double*>(into) + channels, sums.squares, channels * sizeof(double));
  return nullptr;
}

// copy(from: Uint8Array, into: Uint8Array): from the beginning of `into`. V8 copies into shared memory a word at a time,
// as other threads may look on; here nobody does.
napi_value copy(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_typedarray_type from_type, into_type;
  size_t from_length, into_length;
  void *from, *into;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_typedarray_info(env, arguments[0], &from_type, &from_length, &from, nullptr, nullptr) != napi_ok ||
      napi_get_typedarray_info(env, arguments[1], &into_type, &into_length, &into, nullptr, nullptr) != napi_ok ||
      from_type != napi_uint8_array || into_type != napi_uint8_array || from_length > into_length) {
    return fail(env, "copy takes bytes and as much room for them");
  }
  std::memmove(into, from, from_length);
  return nullptr;
}

struct Writeback {
  napi_async_work work;
  napi_deferred deferred;
  int32_t file;
  int64_t first, bytes;
};

void write_back(napi_env, void* data) {
#if defined(__linux__)
  const auto* writeback = static_cast<Writeback*>(data);
  // A matter of speed only: what fails here shows when the file is synchronised.
  (void)sync_file_range(writeback->file, writeback->first, writeback->bytes, SYNC_FILE_RANGE_WRITE);
#endif
}

void written_back(napi_env env, napi_status, void* data) {
  auto* writeback = static_cast<Writeback*>(data);
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  napi_resolve_deferred(env, writeback->deferred, nothing);
  napi_delete_async_work(env, writeback->work);
  delete writeback;
}

// startWriteback(file: number, first: number, bytes: number): Promise<void>. The file stays open meanwhile.
napi_value start_writeback(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], promise, name;
  Writeback asked{};
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_value_int32(env, arguments[0], &asked.file) != napi_ok ||
      napi_get_value_int64(env, arguments[1], &asked.first) != napi_ok ||
      napi_get_value_int64(env, arguments[2], &asked.bytes) != napi_ok) {
    return fail(env, "startWriteback takes three numbers");
  }
  auto* writeback = new Writeback(asked);
  napi_create_promise(env, &writeback->deferred, &promise);
  napi_create_string_utf8(env, "modalmix writeback", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, write_back, written_back, writeback, &writeback->work);
  napi_queue_async_work(env, writeback->work);
  return promise;
}

constexpr size_t kLargePage = size_t{1} << 21;

void free_memory(napi_env, void* memory, void*) { std::free(memory); }

// alignedMemory(bytes: number): ArrayBuffer. Of large pages where the system has them: the disk is told one by one.
napi_value aligned_memory(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, buffer;
  int64_t bytes;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_get_value_int64(env, argument, &bytes) != napi_ok || bytes <= 0 || bytes % kLargePage != 0) {
    return fail(env, "alignedMemory takes a multiple of 2 MiB");
  }
  void* memory = nullptr;
  if (posix_memalign(&memory, kLargePage, bytes) != 0) return fail(env, "there is no memory left");
#if defined(__linux__)
  (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  if (napi_create_external_arraybuffer(env, memory, bytes, free_memory, nullptr, &buffer) != napi_ok) {
    std::free(memory);
    return fail(env, "the memory cannot be lent");
  }
  return buffer;
}

// setDirect(file: number, direct: boolean): boolean.
napi_value set_direct(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], result;
  int32_t file;
  bool direct, done = false;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_value_int32(env, arguments[0], &file) != napi_ok ||
      napi_get_value_bool(env, arguments[1], &direct) != napi_ok) {
    return fail(env, "setDirect takes a file and whether it is direct");
  }
#if defined(__linux__)
  const int flags = fcntl(file, F_GETFL);
  done = flags != -1 && fcntl(file, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
#endif
  napi_get_boolean(env, done, &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "sumChannels", NAPI_AUTO_LENGTH, sum_channels, nullptr, &function);
  napi_set_named_property(env, exports, "sumChannels", function);
  napi_create_function(env, "copy", NAPI_AUTO_LENGTH, copy, nullptr, &function);
  napi_set_named_property(env, exports, "copy", function);
  napi_create_function(env, "startWriteback", NAPI_AUTO_LENGTH, start_writeback, nullptr, &function);
  napi_set_named_property(env, exports, "startWriteback", function);
  napi_create_function(env, "alignedMemory", NAPI_AUTO_LENGTH, aligned_memory, nullptr, &function);
  napi_set_named_property(env, exports, "alignedMemory", function);
  napi_create_function(env, "setDirect", NAPI_AUTO_LENGTH, set_direct, nullptr, &function);
  napi_set_named_property(env, exports, "setDirect", function);
  return exports;
}
