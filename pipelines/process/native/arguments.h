// What our addons that need Node alone share: the arguments that JavaScript gives, and the refusal of wrong ones.
#pragma once

#include <node_api.h>

#include <cstddef>

inline napi_value fail(napi_env env, const char* problem) {
  napi_throw_type_error(env, nullptr, problem);
  return nullptr;
}

// False where the value is no array of this type.
template <typename T>
bool array_of(napi_env env, napi_value value, napi_typedarray_type wanted, T** data, size_t* length) {
  napi_typedarray_type type;
  void* start;
  if (napi_get_typedarray_info(env, value, &type, length, &start, nullptr, nullptr) != napi_ok || type != wanted)
    return false;
  *data = static_cast<T*>(start);
  return true;
}
