// Asks the brokers for the settings of topics, which node-rdkafka cannot. `../topic-settings.ts` loads this.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "asking.h"

namespace {

struct Topic {
  std::string name;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string message;
  std::map<std::string, std::string> settings;
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

class AskingSettings : public Asking {
 public:
  std::vector<std::string> names;

 protected:
  rd_kafka_admin_op_t operation() const override { return RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS; }

  void put(rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) override {
    std::vector<rd_kafka_ConfigResource_t*> resources;
    for (const std::string& name : names) {
      resources.push_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
    }
    rd_kafka_DescribeConfigs(client, resources.data(), resources.size(), options, queue);
    // They were copied.
    rd_kafka_ConfigResource_destroy_array(resources.data(), resources.size());
  }

  void take(rd_kafka_event_t* event) override {
    const rd_kafka_DescribeConfigs_result_t* result = rd_kafka_event_DescribeConfigs_result(event);
    if (result == nullptr) return fail_with(RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
    size_t count;
    const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
    for (size_t i = 0; i < count; i += 1) topics_.push_back(topic_of(resources[i]));
  }

  void tell(napi_env env, napi_value result) const override {
    napi_value topics;
    napi_create_array_with_length(env, topics_.size(), &topics);
    for (size_t i = 0; i < topics_.size(); i += 1) {
      const Topic& topic = topics_[i];
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
  }

 private:
  std::vector<Topic> topics_;
};

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
  auto asking = std::make_unique<AskingSettings>();
  asking->names.resize(names);
  for (uint32_t i = 0; i < names; i += 1) {
    napi_value element;
    if (napi_get_element(env, arguments[1], i, &element) != napi_ok || !text_of(env, element, &asking->names[i])) {
      return fail(env, "a topic's name is a string");
    }
  }
  return asking.release()->promise(env, arguments[0], connection, timeout_ms, "modalmix describe");
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "describe", describe);
  return exports;
}
