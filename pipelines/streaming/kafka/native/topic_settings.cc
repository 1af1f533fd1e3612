// Asks the brokers for the settings of topics, which node-rdkafka cannot. `../topic-settings.ts` loads this.
#include <map>
#include <string>
#include <vector>

#include "client.h"

namespace {

constexpr size_t ERROR_BYTES = 512;
// Beyond the request's own timeout, so that its own error is what comes.
constexpr int GRACE_MS = 1000;

struct Topic {
  std::string name;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message;
  std::map<std::string, std::string> settings;
};

struct Asking {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref client = nullptr;
  NodeKafka::Connection* connection = nullptr;
  int timeout_ms = 0;
  std::vector<std::string> names;
  std::vector<Topic> topics;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message;

  void fail_with(rd_kafka_resp_err_t code, const char* text) {
    error = code;
    message = text == nullptr ? rd_kafka_err2str(code) : text;
  }
};

Topic topic_of(const rd_kafka_ConfigResource_t* resource) {
  Topic topic;
  topic.name = rd_kafka_ConfigResource_name(resource);
  topic.error = rd_kafka_ConfigResource_error(resource);
  if (topic.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* text = rd_kafka_ConfigResource_error_string(resource);
    topic.message = text == nullptr ? rd_kafka_err2str(topic.error) : text;
    return topic;
  }
  size_t count;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i += 1) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr) topic.settings[rd_kafka_ConfigEntry_name(entries[i])] = value;
  }
  return topic;
}

void take(Asking* asking, rd_kafka_event_t* event) {
  if (event == nullptr) return asking->fail_with(RD_KAFKA_RESP_ERR__TIMED_OUT, nullptr);
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return asking->fail_with(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
  }
  const rd_kafka_DescribeConfigs_result_t* result = rd_kafka_event_DescribeConfigs_result(event);
  if (result == nullptr) return asking->fail_with(RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
  size_t count;
  const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
  for (size_t i = 0; i < count; i += 1) asking->topics.push_back(topic_of(resources[i]));
}

// On a thread of its own.
void ask(napi_env, void* data) {
  auto* asking = static_cast<Asking*>(data);
  HeldClient client(asking->connection);
  if (client.get() == nullptr) return asking->fail_with(RD_KAFKA_RESP_ERR__STATE, nullptr);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(client.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  char problem[ERROR_BYTES];
  rd_kafka_resp_err_t error =
      rd_kafka_AdminOptions_set_request_timeout(options, asking->timeout_ms, problem, sizeof problem);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    asking->fail_with(error, problem);
  } else {
    std::vector<rd_kafka_ConfigResource_t*> resources;
    for (const std::string& name : asking->names) {
      resources.push_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    }
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client.get());
    rd_kafka_DescribeConfigs(client.get(), resources.data(), resources.size(), options, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, asking->timeout_ms + GRACE_MS);
    take(asking, event);
    if (event != nullptr) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(resources.data(), resources.size());
  }
  rd_kafka_AdminOptions_destroy(options);
}

void answer(napi_env env, napi_status, void* data) {
  auto* asking = static_cast<Asking*>(data);
  napi_value result, topics;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, asking->topics.size(), &topics);
  for (size_t i = 0; i < asking->topics.size(); i += 1) {
    const Topic& topic = asking->topics[i];
    napi_value object, settings;
    napi_create_object(env, &object);
    napi_create_object(env, &settings);
    set_text(env, object, "topic", topic.name.c_str());
    for (const auto& [name, value] : topic.settings) set_text(env, settings, name.c_str(), value.c_str());
    napi_set_named_property(env, object, "settings", settings);
    if (topic.error != RD_KAFKA_RESP_ERR_NO_ERROR) set_error(env, object, topic.error, topic.message.c_str());
    napi_set_element(env, topics, i, object);
  }
  napi_set_named_property(env, result, "topics", topics);
  if (asking->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    set_error(env, result, asking->error, asking->message.c_str());
  }
  napi_resolve_deferred(env, asking->deferred, result);
  napi_delete_reference(env, asking->client);
  napi_delete_async_work(env, asking->work);
  delete asking;
}

bool text_of(napi_env env, napi_value value, std::string* text) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text->resize(length + 1);
  napi_get_value_string_utf8(env, value, text->data(), text->size(), &length);
  text->resize(length);
  return true;
}

// describe(client, topics, timeoutMs): Promise<{ topics: { topic, settings, error? }[], error? }>
napi_value describe(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  uint32_t names;
  int32_t timeout_ms;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_array_length(env, arguments[1], &names) != napi_ok ||
      napi_get_value_int32(env, arguments[2], &timeout_ms) != napi_ok) {
    return fail(env, "describe takes a client, names of topics and a number");
  }
  NodeKafka::Connection* connection = connection_of(arguments[0]);
  if (connection == nullptr) return fail(env, "this is no client of node-rdkafka");
  auto* asking = new Asking();
  asking->connection = connection;
  asking->timeout_ms = timeout_ms;
  asking->names.resize(names);
  for (uint32_t i = 0; i < names; i += 1) {
    napi_value element;
    if (napi_get_element(env, arguments[1], i, &element) != napi_ok || !text_of(env, element, &asking->names[i])) {
      delete asking;
      return fail(env, "a topic's name is a string");
    }
  }
  napi_value promise, name;
  napi_create_promise(env, &asking->deferred, &promise);
  napi_create_reference(env, arguments[0], 1, &asking->client);
  napi_create_string_utf8(env, "modalmix describe", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, nullptr, name, ask, answer, asking, &asking->work);
  napi_queue_async_work(env, asking->work);
  return promise;
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "describe", describe);
  return exports;
}
