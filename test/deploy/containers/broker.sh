#!/bin/sh
# Settings from KAFKA_* variables, as Kafka's own image takes them.
set -eu
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  echo "$(echo "$name" | tr 'A-Z_' 'a-z.')=$value"
done >/tmp/server.properties
java() { /usr/bin/java -Xmx512m -cp '/opt/kafka/libs/*' -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"; }
[ -e "$KAFKA_LOG_DIRS/meta.properties" ] ||
  java kafka.tools.StorageTool format --cluster-id "$(java kafka.tools.StorageTool random-uuid)" --config /tmp/server.properties
exec /usr/bin/java -Xmx512m -cp '/opt/kafka/libs/*' -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.Kafka /tmp/server.properties
