// What the two halves of the fuzzer share: the kernels, watched by the compiler, and the driver, which is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <node_api.h>

// What a napi_value points to: a typed array with memory of exactly its size, or a number.
struct Value {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t length = 0;
  double number = 0;
  bool is_array = false;
};

struct Call {
  std::vector<Value*> arguments;
  bool refused = false;
};

// By the name that JavaScript knows it by.
extern std::map<std::string, napi_callback> kernels;
void register_kernels();
