// Asks the brokers which topic a name stands for now, which node-rdkafka cannot: a topic that was deleted and made again
// has another id. `../topic-id.ts` loads this.
#include <string>

#include "client.h"

namespace {

constexpr size_t ERROR_BYTES = 512;
// Beyond the request's own timeout, so that its own error is what comes.
constexpr int GRACE_MS = 1000;

struct Asking {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref client = nullptr;
  NodeKafka::Connection* connection = nullptr;
  int timeout_ms = 0;
  std::string topic;
  std::string id;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message;

  void fail_with(rd_kafka_resp_err_t code, const char* text) {
    error = code;
    message = text == nullptr ? rd_kafka_err2str(code) : text;
  }
};

void take(Asking* asking, rd_kafka_event_t* event) {
  if (event == nullptr) return asking->fail_with(RD_KAFKA_RESP_ERR__TIMED_OUT, nullptr);
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return asking->fail_with(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
  }
  const rd_kafka_DescribeTopics_result_t* result = rd_kafka_event_DescribeTopics_result(event);
  size_t count = 0;
  const rd_kafka_TopicDescription_t** topics =
      result == nullptr ? nullptr : rd_kafka_DescribeTopics_result_topics(result, &count);
  if (count != 1) return asking->fail_with(RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(topics[0]);
  if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return asking->fail_with(rd_kafka_error_code(error), rd_kafka_error_string(error));
  }
  const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(topics[0]);
  if (id == nullptr) return;
  // Brokers older than ids give none.
  if (rd_kafka_Uuid_most_significant_bits(id) == 0 && rd_kafka_Uuid_least_significant_bits(id) == 0) return;
  const char* text = rd_kafka_Uuid_base64str(id);
  if (text != nullptr) asking->id = text;
}

// On a thread of its own.
void ask(napi_env, void* data) {
  auto* asking = static_cast<Asking*>(data);
  HeldClient client(asking->connection);
  if (client.get() == nullptr) return asking->fail_with(RD_KAFKA_RESP_ERR__STATE, nullptr);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
  char problem[ERROR_BYTES];
  rd_kafka_resp_err_t error =
      rd_kafka_AdminOptions_set_request_timeout(options, asking->timeout_ms, problem, sizeof problem);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    asking->fail_with(error, problem);
  } else {
    const char* names[] = {asking->topic.c_str()};
    rd_kafka_TopicCollection_t* topics = rd_kafka_TopicCollection_of_topic_names(names, 1);
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
    rd_kafka_DescribeTopics(client.get(), topics, options, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, asking->timeout_ms + GRACE_MS);
    take(asking, event);
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_TopicCollection_destroy(topics);
  }
  rd_kafka_AdminOptions_destroy(options);
}

void answer(napi_env env, napi_status, void* data) {
  auto* asking = static_cast<Asking*>(data);
  napi_value result;
  napi_create_object(env, &result);
  if (!asking->id.empty()) set_text(env, result, "id", asking->id.c_str());
  if (asking->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    set_error(env, result, asking->error, asking->message.c_str());
  }
  napi_resolve_deferred(env, asking->deferred, result);
  napi_delete_reference(env, asking->client);
  napi_delete_async_work(env, asking->work);
  delete asking;
}

// topicId(client, topic, timeoutMs): Promise<{ id?, error? }>
napi_value topic_id(napi_env env, napi_callback_info info) {
  size_t count = 3, length;
  napi_value arguments[3];
  int32_t timeout_ms;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_value_string_utf8(env, arguments[1], nullptr, 0, &length) != napi_ok ||
      napi_get_value_int32(env, arguments[2], &timeout_ms) != napi_ok) {
    return fail(env, "topicId takes a client, a topic's name and a number");
  }
  NodeKafka::Connection* connection = connection_of(arguments[0]);
  if (connection == nullptr) return fail(env, "this is no client of node-rdkafka");
  auto* asking = new Asking();
  asking->connection = connection;
  asking->timeout_ms = timeout_ms;
  asking->topic.resize(length + 1);
  napi_get_value_string_utf8(env, arguments[1], asking->topic.data(), asking->topic.size(), &length);
  asking->topic.resize(length);
  napi_value promise, name;
  napi_create_promise(env, &asking->deferred, &promise);
  napi_create_reference(env, arguments[0], 1, &asking->client);
  napi_create_string_utf8(env, "modalmix topic id", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, ask, answer, asking, &asking->work);
  napi_queue_async_work(env, asking->work);
  return promise;
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "topicId", topic_id);
  return exports;
}
