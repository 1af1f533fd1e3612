// Asks the brokers which topic a name stands for now, which node-rdkafka cannot: a topic that was deleted and made again
// has another id. `../topic-id.ts` loads this.
#include <memory>
#include <string>

#include "asking.h"

namespace {

class AskingId : public Asking {
 public:
  std::string topic;

 protected:
  rd_kafka_admin_op_t operation() const override { return RD_KAFKA_ADMIN_OP_DESCRIBETOPICS; }

  void put(rd_kafka_t* client, const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) override {
    const char* names[] = {topic.c_str()};
    rd_kafka_TopicCollection_t* topics = rd_kafka_TopicCollection_of_topic_names(names, 1);
    rd_kafka_DescribeTopics(client, topics, options, queue);
    // It was copied.
    rd_kafka_TopicCollection_destroy(topics);
  }

  void take(rd_kafka_event_t* event) override {
    const rd_kafka_DescribeTopics_result_t* result = rd_kafka_event_DescribeTopics_result(event);
    size_t count = 0;
    const rd_kafka_TopicDescription_t** topics =
        result == nullptr ? nullptr : rd_kafka_DescribeTopics_result_topics(result, &count);
    if (count != 1) return fail_with(RD_KAFKA_RESP_ERR__BAD_MSG, nullptr);
    const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(topics[0]);
    if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return fail_with(rd_kafka_error_code(error), rd_kafka_error_string(error));
    }
    const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(topics[0]);
    if (id == nullptr) return;
    // Brokers older than ids give none.
    if (rd_kafka_Uuid_most_significant_bits(id) == 0 && rd_kafka_Uuid_least_significant_bits(id) == 0) return;
    const char* text = rd_kafka_Uuid_base64str(id);
    if (text != nullptr) id_ = text;
  }

  void tell(napi_env env, napi_value result) const override {
    if (!id_.empty()) set_text(env, result, "id", id_.c_str());
  }

 private:
  std::string id_;
};

// topicId(client, topic, timeoutMs): Promise<{ id?, error? }>
napi_value topic_id(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  int32_t timeout_ms;
  auto asking = std::make_unique<AskingId>();
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      !text_of(env, arguments[1], &asking->topic) ||
      napi_get_value_int32(env, arguments[2], &timeout_ms) != napi_ok) {
    return fail(env, "topicId takes a client, a topic's name and a number");
  }
  NodeKafka::Connection* connection = connection_of(arguments[0]);
  if (connection == nullptr) return fail(env, "this is no client of node-rdkafka");
  return asking.release()->promise(env, arguments[0], connection, timeout_ms, "modalmix topic id");
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "topicId", topic_id);
  return exports;
}
