// Reads a consumer of node-rdkafka without copying its records: their values are lent as views of librdkafka's own
// memory until they are given back. `../lent-messages.ts` loads this.
#include <vector>

#include "client.h"

namespace {

// A message whose value JavaScript sees. Used on JavaScript's thread only.
struct Lent {
  rd_kafka_message_t* message;
  // The view and the memory behind it; each is told once when it is gone.
  int owners = 2;

  void give_back() {
    if (message != nullptr) rd_kafka_message_destroy(message);
    message = nullptr;
  }

  void drop() {
    owners -= 1;
    if (owners > 0) return;
    give_back();
    delete this;
  }
};

// Versions of Node differ in how they declare the first parameter.
template <typename Environment>
void drop_lent(Environment, void*, void* lent) {
  static_cast<Lent*>(lent)->drop();
}
template <typename Environment>
void drop_wrapped(Environment, void* lent, void*) {
  static_cast<Lent*>(lent)->drop();
}

struct Reading {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref consumer = nullptr;
  NodeKafka::Connection* connection = nullptr;
  int timeout_ms = 0;
  size_t limit = 0;
  std::vector<rd_kafka_message_t*> messages;
  std::vector<rd_kafka_message_t*> ends;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
};

// On a thread of its own: waits for the first message, then takes what is there.
void read(napi_env, void* data) {
  auto* reading = static_cast<Reading*>(data);
  int timeout_ms = reading->timeout_ms;
  HeldClient client(reading->connection);
  if (client.get() == nullptr) {
    reading->error = RD_KAFKA_RESP_ERR__STATE;
    return;
  }
  while (reading->messages.size() < reading->limit) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client.get(), timeout_ms);
    if (message == nullptr) return;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      reading->messages.push_back(message);
      timeout_ms = 0;
    } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      reading->ends.push_back(message);
      if (!reading->messages.empty()) timeout_ms = 0;
    } else {
      reading->error = message->err;
      rd_kafka_message_destroy(message);
      return;
    }
  }
}

napi_value place_of(napi_env env, const rd_kafka_message_t* message) {
  napi_value object;
  napi_create_object(env, &object);
  set_text(env, object, "topic", rd_kafka_topic_name(message->rkt));
  set_number(env, object, "partition", message->partition);
  set_number(env, object, "offset", static_cast<double>(message->offset));
  return object;
}

napi_value lend(napi_env env, rd_kafka_message_t* message) {
  napi_value object = place_of(env, message), value, key;
  set_number(env, object, "size", static_cast<double>(message->len));
  set_number(env, object, "timestamp", static_cast<double>(rd_kafka_message_timestamp(message, nullptr)));
  if (message->key == nullptr) napi_get_null(env, &key);
  else napi_create_buffer_copy(env, message->key_len, message->key, nullptr, &key);
  napi_set_named_property(env, object, "key", key);
  if (message->payload != nullptr && message->len > 0) {
    auto* lent = new Lent{message};
    napi_create_external_buffer(env, message->len, message->payload, drop_lent, lent, &value);
    napi_wrap(env, value, lent, drop_wrapped, nullptr, nullptr);
  } else {
    if (message->payload == nullptr) napi_get_null(env, &value);
    else napi_create_buffer_copy(env, 0, message->payload, nullptr, &value);
    rd_kafka_message_destroy(message);
  }
  napi_set_named_property(env, object, "value", value);
  return object;
}

void answer(napi_env env, napi_status, void* data) {
  auto* reading = static_cast<Reading*>(data);
  napi_value result, messages, ends;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, reading->messages.size(), &messages);
  for (size_t i = 0; i < reading->messages.size(); i += 1) {
    napi_set_element(env, messages, i, lend(env, reading->messages[i]));
  }
  napi_create_array_with_length(env, reading->ends.size(), &ends);
  for (size_t i = 0; i < reading->ends.size(); i += 1) {
    napi_set_element(env, ends, i, place_of(env, reading->ends[i]));
    rd_kafka_message_destroy(reading->ends[i]);
  }
  napi_set_named_property(env, result, "messages", messages);
  napi_set_named_property(env, result, "ends", ends);
  if (reading->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    set_error(env, result, reading->error, nullptr);
  }
  napi_resolve_deferred(env, reading->deferred, result);
  napi_delete_reference(env, reading->consumer);
  napi_delete_async_work(env, reading->work);
  delete reading;
}

// consume(client, timeoutMs, limit): Promise<{ messages, ends, error? }>.
napi_value consume(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  int32_t timeout_ms;
  uint32_t limit;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_value_int32(env, arguments[1], &timeout_ms) != napi_ok ||
      napi_get_value_uint32(env, arguments[2], &limit) != napi_ok) {
    return fail(env, "consume takes a client and two numbers");
  }
  NodeKafka::Connection* connection = connection_of(arguments[0]);
  if (connection == nullptr) return fail(env, "this is no client of node-rdkafka");
  auto* reading = new Reading();
  reading->connection = connection;
  reading->timeout_ms = timeout_ms;
  reading->limit = limit;
  napi_value promise, name;
  napi_create_promise(env, &reading->deferred, &promise);
  napi_create_reference(env, arguments[0], 1, &reading->consumer);
  napi_create_string_utf8(env, "modalmix consume", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, read, answer, reading, &reading->work);
  napi_queue_async_work(env, reading->work);
  return promise;
}

// giveBack(value): its memory is librdkafka's again; the view and all views of it are empty from now on.
napi_value give_back(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value, memory;
  void* wrapped;
  if (napi_get_cb_info(env, info, &count, &value, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_remove_wrap(env, value, &wrapped) != napi_ok) {
    return nullptr;
  }
  auto* lent = static_cast<Lent*>(wrapped);
  if (napi_get_typedarray_info(env, value, nullptr, nullptr, nullptr, &memory, nullptr) == napi_ok &&
      napi_detach_arraybuffer(env, memory) == napi_ok) {
    lent->give_back();
  }
  lent->drop();
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "consume", consume);
  export_function(env, exports, "giveBack", give_back);
  return exports;
}
