"""Reads a stream's answers with any Kafka client: docs/prediction.schema.json says what a value holds.

    pip install kafka-python==3.0.12
    python read_predictions.py localhost:9092 modalmix.predictions [client.properties]

The last is a file of settings for Kafka's own tools, for brokers that ask who comes: the embedded broker's is
`.modalmix/kafka/client.properties`.

Prints a line of JSON an answer: clip, version, the most probable class, its probability. Ends when the topic is read to
its end; a service would go on, in a group of its own, and commit its offsets.
"""

import json
import re
import sys
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition


def access(settings):
    if settings is None:
        return {}
    words = dict(line.split("=", 1) for line in Path(settings).read_text().splitlines() if "=" in line)
    login = dict(re.findall(r'(username|password)="([^"]*)"', words["sasl.jaas.config"]))
    return {
        "security_protocol": words["security.protocol"],
        "sasl_mechanism": words["sasl.mechanism"],
        "sasl_plain_username": login["username"],
        "sasl_plain_password": login["password"],
    }


def read(brokers, topic, settings=None):
    # Answers are written in transactions: what of one that was aborted is on the topic counts for nothing.
    consumer = KafkaConsumer(
        bootstrap_servers=brokers.split(","), isolation_level="read_committed", **access(settings)
    )
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    yield record
    finally:
        consumer.close()


def main(brokers, topic, settings=None):
    for record in read(brokers, topic, settings):
        answer = json.loads(record.value)
        if answer["schemaVersion"] != 1:
            raise SystemExit(f"this reads version 1 of the schema; the answer has {answer['schemaVersion']}")
        predicted = max(answer["fused"], key=answer["fused"].get)
        line = {
            "clip": answer["clipId"],
            "version": answer["model"]["version"],
            "predicted": predicted,
            "probability": answer["fused"][predicted],
            "review": answer["review"],
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
