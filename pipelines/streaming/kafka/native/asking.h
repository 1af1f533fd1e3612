// A question to the brokers by librdkafka's admin API, asked on a thread of its own and answered with a promise.
#pragma once

#include <string>

#include "client.h"

// What is asked, and what becomes of the answer, is its subclass's.
class Asking {
 public:
  virtual ~Asking() = default;
  Asking() = default;
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  // Takes itself over, and is deleted when it is answered: { …, error? }.
  napi_value promise(napi_env env, napi_value client, NodeKafka::Connection* connection, int timeout_ms,
                     const char* title) {
    connection_ = connection;
    timeout_ms_ = timeout_ms;
    napi_value promise, name;
    napi_create_promise(env, &deferred_, &promise);
    napi_create_reference(env, client, 1, &client_);
    napi_create_string_utf8(env, title, NAPI_AUTO_LENGTH, &name);
    napi_create_async_work(
        env, nullptr, name, [](napi_env, void* data) { static_cast<Asking*>(data)->ask(); },
        [](napi_env env, napi_status, void* data) { static_cast<Asking*>(data)->answer(env); }, this, &work_);
    napi_queue_async_work(env, work_);
    return promise;
  }

 protected:
  virtual rd_kafka_admin_op_t operation() const = 0;
  // Puts the question; the event of its answer comes to the queue.
  virtual void put(rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) = 0;
  // Takes what it needs of an answer without an error of its own.
  virtual void take(rd_kafka_event_t* event) = 0;
  virtual void tell(napi_env env, napi_value result) const = 0;

  void fail_with(rd_kafka_resp_err_t code, const char* text) {
    error_ = code;
    message_ = text == nullptr ? rd_kafka_err2str(code) : text;
  }

 private:
  static constexpr size_t ERROR_BYTES = 512;
  // Beyond the request's own timeout, so that its own error is what comes.
  static constexpr int GRACE_MS = 1000;

  void ask() {
    HeldClient client(connection_);
    if (client.get() == nullptr) return fail_with(RD_KAFKA_RESP_ERR__STATE, nullptr);
    rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client.get(), operation());
    char problem[ERROR_BYTES];
    rd_kafka_resp_err_t error =
        rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms_, problem, sizeof problem);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      fail_with(error, problem);
    } else {
      rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
      put(client.get(), options, queue);
      rd_kafka_event_t* event = rd_kafka_queue_poll(queue, timeout_ms_ + GRACE_MS);
      if (event == nullptr) {
        fail_with(RD_KAFKA_RESP_ERR__TIMED_OUT, nullptr);
      } else {
        if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
          take(event);
        } else {
          fail_with(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        }
        rd_kafka_event_destroy(event);
      }
      rd_kafka_queue_destroy(queue);
    }
    rd_kafka_AdminOptions_destroy(options);
  }

  void answer(napi_env env) {
    napi_value result;
    napi_create_object(env, &result);
    tell(env, result);
    if (error_ != RD_KAFKA_RESP_ERR_NO_ERROR) set_error(env, result, error_, message_.c_str());
    napi_resolve_deferred(env, deferred_, result);
    napi_delete_reference(env, client_);
    napi_delete_async_work(env, work_);
    delete this;
  }

  napi_async_work work_ = nullptr;
  napi_deferred deferred_ = nullptr;
  napi_ref client_ = nullptr;
  NodeKafka::Connection* connection_ = nullptr;
  int timeout_ms_ = 0;
  rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message_;
};

// False when the value is no string.
inline bool text_of(napi_env env, napi_value value, std::string* text) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text->resize(length + 1);
  napi_get_value_string_utf8(env, value, text->data(), text->size(), &length);
  text->resize(length);
  return true;
}
