// Calls kernels with what it makes of bytes, keeps the bytes that reach what none had reached before, and changes those further.
// A fault ends it: by AddressSanitizer or UndefinedBehaviorSanitizer, with the bytes in hexadecimal.
// driver <calls> <seed>: prints {"calls":…,"taken":…,"refused":…,"kept":…,"places":…}
// driver <bytes in hexadecimal>: plays one again
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "kernels.h"

std::map<std::string, napi_callback> kernels;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kPlaces = 1 << 16;
uint8_t hits[kPlaces], seen[kPlaces];
size_t previous = 0;

Bytes current;
Call* call = nullptr;

Value* value_of(napi_value value) { return reinterpret_cast<Value*>(value); }

}  // namespace

extern "C" {

// From where a block of code is entered to where, as AFL counts it.
void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<size_t>(__builtin_return_address(0));
  const size_t place = (here * 0x9e3779b97f4a7c15u) >> 48;
  auto& count = hits[(place ^ previous) % kPlaces];
  if (count < 255) count += 1;
  previous = place >> 1;
}

void __asan_set_death_callback(void (*callback)());

napi_status napi_get_cb_info(napi_env, napi_callback_info info, size_t* count, napi_value* arguments, napi_value*,
                             void**) {
  const auto& given = reinterpret_cast<Call*>(info)->arguments;
  for (size_t i = 0; i < *count; i += 1)
    arguments[i] = reinterpret_cast<napi_value>(i < given.size() ? given[i] : nullptr);
  *count = given.size();
  return napi_ok;
}

napi_status napi_get_typedarray_info(napi_env, napi_value value, napi_typedarray_type* type, size_t* length,
                                     void** data, napi_value*, size_t*) {
  const Value* array = value_of(value);
  if (array == nullptr || !array->is_array) return napi_invalid_arg;
  *type = array->type;
  *length = array->length;
  *data = array->data;
  return napi_ok;
}

napi_status napi_get_value_double(napi_env, napi_value value, double* result) {
  const Value* number = value_of(value);
  if (number == nullptr || number->is_array) return napi_number_expected;
  *result = number->number;
  return napi_ok;
}

napi_status napi_get_value_uint32(napi_env env, napi_value value, uint32_t* result) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return napi_number_expected;
  // As ECMAScript's ToUint32 for the numbers that are made here.
  *result = static_cast<uint32_t>(static_cast<int64_t>(number));
  return napi_ok;
}

napi_status napi_throw_type_error(napi_env, const char*, const char*) {
  call->refused = true;
  return napi_ok;
}

napi_status napi_create_function(napi_env, const char* name, size_t, napi_callback callback, void*, napi_value*) {
  kernels[name] = callback;
  return napi_ok;
}
napi_status napi_set_named_property(napi_env, napi_value, const char*, napi_value) { return napi_ok; }

// Of kernels that are not called.
napi_status napi_get_value_int32(napi_env, napi_value, int32_t*) { return napi_generic_failure; }
napi_status napi_get_value_int64(napi_env, napi_value, int64_t*) { return napi_generic_failure; }
napi_status napi_get_value_bool(napi_env, napi_value, bool*) { return napi_generic_failure; }
napi_status napi_get_undefined(napi_env, napi_value*) { return napi_generic_failure; }
napi_status napi_get_boolean(napi_env, bool, napi_value*) { return napi_generic_failure; }
napi_status napi_create_promise(napi_env, napi_deferred*, napi_value*) { return napi_generic_failure; }
napi_status napi_resolve_deferred(napi_env, napi_deferred, napi_value) { return napi_generic_failure; }
napi_status napi_create_string_utf8(napi_env, const char*, size_t, napi_value*) { return napi_generic_failure; }
napi_status napi_create_async_work(napi_env, napi_value, napi_value, napi_async_execute_callback,
                                   napi_async_complete_callback, void*, napi_async_work*) {
  return napi_generic_failure;
}
napi_status napi_queue_async_work(node_api_basic_env, napi_async_work) { return napi_generic_failure; }
napi_status napi_delete_async_work(napi_env, napi_async_work) { return napi_generic_failure; }
napi_status napi_create_external_arraybuffer(napi_env, void*, size_t, node_api_basic_finalize, void*, napi_value*) {
  return napi_generic_failure;
}
}

namespace {

constexpr size_t kLongest = 1 << 14;

// Takes choices out of the bytes; of those that are used up the rest is zero.
class Reader {
 public:
  explicit Reader(const Bytes& bytes) : bytes_(bytes) {}

  uint8_t byte() { return at_ < bytes_.size() ? bytes_[at_++] : 0; }
  uint32_t word() {
    uint32_t word = 0;
    for (int i = 0; i < 4; i += 1) word = word << 8 | byte();
    return word;
  }
  // Mostly what fits, else something else.
  bool fits() { return byte() < 230; }
  size_t small(size_t most) { return byte() % (most + 1); }

 private:
  const Bytes& bytes_;
  size_t at_ = 0;
};

size_t size_of(napi_typedarray_type type) {
  switch (type) {
    case napi_float64_array:
      return 8;
    case napi_float32_array:
    case napi_int32_array:
      return 4;
    default:
      return 1;
  }
}

class Arguments {
 public:
  explicit Arguments(Reader& reader) : reader_(reader) {}
  ~Arguments() {
    for (Value* value : call.arguments) {
      std::free(value->data);
      delete value;
    }
  }

  // Of so many values, or of another number or type. Nothing lies behind its last value.
  Value* array(napi_typedarray_type type, size_t length) {
    if (!reader_.fits()) {
      const uint8_t how = reader_.byte();
      if (how < 40) type = static_cast<napi_typedarray_type>(how % 11);
      else if (how < 150) length += reader_.small(3);
      else if (how < 240) length -= std::min(length, reader_.small(3));
      else length = reader_.word() % kLongest;
    }
    auto* value = new Value{type, std::malloc(std::max<size_t>(1, length * size_of(type))), length, 0, true};
    auto* bytes = static_cast<uint8_t*>(value->data);
    // As the values of a file: whatever it holds.
    const uint32_t fill = reader_.word();
    for (size_t i = 0; i < length * size_of(type); i += 1) bytes[i] = static_cast<uint8_t>(fill * (i + 1) >> (i % 17));
    call.arguments.push_back(value);
    return value;
  }

  void number(double number) {
    constexpr double odd[] = {0, -1, 4294967295.0, 1e300, 2147483648.0, 65536};
    auto* value = new Value{};
    value->number = reader_.fits() ? number : odd[reader_.byte() % 6];
    // Beyond what an integer of 64 bits holds it is not made.
    if (value->number > 9e18) value->number = 2147483647;
    call.arguments.push_back(value);
  }

  Call call;

 private:
  Reader& reader_;
};

void places(Reader& reader, Value* array, size_t size) {
  auto* place = static_cast<int32_t*>(array->data);
  if (array->type != napi_int32_array) return;
  for (size_t i = 0; i < array->length; i += 1)
    place[i] = static_cast<int32_t>(reader.fits() ? reader.byte() % std::max<size_t>(1, size) : reader.word());
}

void pictures(Reader& reader, Arguments& given) {
  size_t shape[4];
  for (size_t& axis : shape) axis = 1 + reader.small(6);
  shape[3] = 1 + shape[3] % 3;
  const size_t side[2] = {reader.small(7), reader.small(7)};
  Value* data = given.array(napi_uint8_array, shape[0] * shape[1] * shape[2] * shape[3]);
  Value* told = given.array(napi_int32_array, 4);
  if (told->type == napi_int32_array) {
    for (size_t i = 0; i < told->length; i += 1) {
      const auto axis = i < 4 ? shape[i] : 1;
      // As a damaged file's: any number, and those whose products are too long for 64 bits.
      const uint32_t odd = reader.byte() % 2 == 0 ? reader.word() : 1u << reader.small(31);
      static_cast<int32_t*>(told->data)[i] = static_cast<int32_t>(reader.byte() < 245 ? axis : odd);
    }
  }
  for (size_t axis = 0; axis < 2; axis += 1) {
    places(reader, given.array(napi_int32_array, 2 * side[axis]), shape[1 + axis]);
    given.array(napi_float64_array, side[axis]);
  }
  given.array(napi_float64_array, 2 * shape[3]);
  given.array(napi_float32_array, shape[0] * side[0] * side[1] * shape[3]);
  (void)data;
}

void spectrogram(Reader& reader, Arguments& given) {
  const size_t length = reader.word() % 3000, size = size_t{1} << reader.small(9), hop = 1 + reader.small(200);
  given.array(napi_float32_array, length);
  given.array(napi_float64_array, 2 * size);
  given.array(napi_float64_array, size);
  given.number(static_cast<double>(hop));
  given.number(1e-7);
  given.array(napi_float32_array, (size / 2 + 1) * (1 + length / hop));
}

// @returns whether it was taken
bool run(const Bytes& bytes) {
  Reader reader(bytes);
  Arguments given(reader);
  const char* name = "";
  switch (reader.byte() % 5) {
    case 0:
      name = "renderPictures";
      pictures(reader, given);
      break;
    case 1:
      name = "logSpectrogram";
      spectrogram(reader, given);
      break;
    case 2: {
      name = "sumChannels";
      const size_t channels = 1 + reader.small(2);
      given.array(reader.byte() % 2 == 0 ? napi_uint8_array : napi_float32_array, reader.word() % kLongest);
      given.number(static_cast<double>(channels));
      given.array(napi_float64_array, 2 * channels);
      break;
    }
    case 3: {
      name = "copy";
      const size_t length = reader.word() % kLongest;
      given.array(napi_uint8_array, length);
      given.array(napi_uint8_array, length + reader.small(9));
      break;
    }
    default: {
      name = "normalise";
      const size_t length = reader.word() % kLongest;
      given.array(napi_float32_array, length);
      given.number(0.5);
      given.number(2);
      given.array(napi_float32_array, length);
    }
  }
  // One too few.
  if (!reader.fits() && !given.call.arguments.empty()) {
    std::free(given.call.arguments.back()->data);
    delete given.call.arguments.back();
    given.call.arguments.pop_back();
  }
  call = &given.call;
  std::memset(hits, 0, sizeof hits);
  previous = 0;
  kernels.at(name)(nullptr, reinterpret_cast<napi_callback_info>(&given.call));
  return !given.call.refused;
}

// How often a place was met counts by powers of two.
bool is_new() {
  bool found = false;
  for (size_t i = 0; i < kPlaces; i += 1) {
    if (hits[i] == 0) continue;
    uint8_t bucket = 1;
    for (uint8_t count = hits[i]; count > 1; count >>= 1) bucket = static_cast<uint8_t>(bucket << 1);
    found = found || (bucket & ~seen[i]) != 0;
    seen[i] |= bucket;
  }
  return found;
}

void change(Bytes& bytes, const std::vector<Bytes>& kept, std::mt19937_64& random) {
  for (uint64_t changes = 1 + random() % 6; changes > 0; changes -= 1) {
    const size_t at = bytes.empty() ? 0 : random() % bytes.size();
    switch (random() % 6) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= static_cast<uint8_t>(1 << random() % 8);
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
        break;
      case 3:
        if (bytes.size() > 1) bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at));
        break;
      case 4: {
        const Bytes& other = kept[random() % kept.size()];
        if (!other.empty()) bytes.insert(bytes.end(), other.begin() + static_cast<ptrdiff_t>(random() % other.size()), other.end());
        break;
      }
      default:
        if (!bytes.empty()) bytes[at] = std::initializer_list<uint8_t>{0, 255, 128, 127, 245}.begin()[random() % 5];
    }
  }
  if (bytes.size() > 400) bytes.resize(400);
}

void tell_current() {
  std::fprintf(stderr, "bytes: ");
  for (const uint8_t byte : current) std::fprintf(stderr, "%02x", byte);
  std::fprintf(stderr, "\n");
}

}  // namespace

int main(int count, char** words) {
  __asan_set_death_callback(tell_current);
  register_kernels();
  if (count == 2) {
    for (const char* digit = words[1]; digit[0] != 0 && digit[1] != 0; digit += 2)
      current.push_back(static_cast<uint8_t>(std::stoi(std::string(digit, 2), nullptr, 16)));
    std::printf("%s\n", run(current) ? "taken" : "refused");
    return 0;
  }
  const unsigned long long calls = std::strtoull(words[1], nullptr, 10);
  std::mt19937_64 random(std::strtoull(words[2], nullptr, 10));
  std::vector<Bytes> kept;
  for (uint8_t kernel = 0; kernel < 5; kernel += 1) {
    Bytes bytes(120);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    bytes[0] = kernel;
    kept.push_back(bytes);
  }
  unsigned long long taken = 0;
  for (unsigned long long i = 0; i < calls; i += 1) {
    current = kept[random() % kept.size()];
    if (i >= kept.size()) change(current, kept, random);
    taken += run(current) ? 1 : 0;
    if (is_new()) kept.push_back(current);
  }
  size_t places_met = 0;
  for (const uint8_t place : seen) places_met += place == 0 ? 0 : 1;
  std::printf("{\"calls\":%llu,\"taken\":%llu,\"refused\":%llu,\"kept\":%zu,\"places\":%zu}\n", calls, taken,
              calls - taken, kept.size(), places_met);
}
