// What our addons for the Kafka client share: the client of librdkafka behind an object of node-rdkafka, and values
// for JavaScript.
#pragma once

#include <nan.h>
#include <node_api.h>

#include <cstring>

#include "rdkafka.h"
#include "src/connection.h"

// Its members are for classes derived from it.
struct OpenConnection : NodeKafka::Connection {
  static RdKafka::Handle* client(NodeKafka::Connection* connection) {
    return static_cast<OpenConnection*>(connection)->m_client;
  }
  static uv_rwlock_t* lock(NodeKafka::Connection* connection) {
    return &static_cast<OpenConnection*>(connection)->m_connection_lock;
  }
};

// The client of a connection, which cannot be closed while this is held. For threads that may wait.
class HeldClient {
 public:
  explicit HeldClient(NodeKafka::Connection* connection) : lock_(OpenConnection::lock(connection)) {
    uv_rwlock_rdlock(lock_);
    RdKafka::Handle* handle = OpenConnection::client(connection);
    client_ = handle == nullptr ? nullptr : handle->c_ptr();
  }
  ~HeldClient() { uv_rwlock_rdunlock(lock_); }
  HeldClient(const HeldClient&) = delete;
  HeldClient& operator=(const HeldClient&) = delete;

  // Null when it is closed.
  rd_kafka_t* get() const { return client_; }

 private:
  uv_rwlock_t* lock_;
  rd_kafka_t* client_ = nullptr;
};

// Null when the value is no object of node-rdkafka's compiled part.
inline NodeKafka::Connection* connection_of(const napi_value& value) {
  v8::Local<v8::Value> object;
  // A napi_value is a handle of V8's.
  std::memcpy(static_cast<void*>(&object), &value, sizeof object);
  if (!object->IsObject() || object.As<v8::Object>()->InternalFieldCount() < 1) return nullptr;
  return Nan::ObjectWrap::Unwrap<NodeKafka::Connection>(object.As<v8::Object>());
}

inline void set_number(napi_env env, napi_value object, const char* name, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

inline void set_text(napi_env env, napi_value object, const char* name, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, name, value);
}

inline void set_error(napi_env env, napi_value object, rd_kafka_resp_err_t code, const char* message) {
  napi_value error;
  napi_create_object(env, &error);
  set_number(env, error, "code", code);
  set_text(env, error, "message", message == nullptr ? rd_kafka_err2str(code) : message);
  napi_set_named_property(env, object, "error", error);
}

inline napi_value fail(napi_env env, const char* problem) {
  napi_throw_error(env, nullptr, problem);
  return nullptr;
}

inline void export_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}
