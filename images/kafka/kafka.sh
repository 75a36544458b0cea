#!/bin/sh
# Kafka's programs under the names that its users know: each is a link to this file.
# KAFKA_HEAP_OPTS and KAFKA_OPTS are for the server; the tools stay small beside it.
set -eu
case $(basename "$0" .sh) in
  kafka-server-start) class=kafka.Kafka ;;
  kafka-storage) class=kafka.tools.StorageTool ;;
  kafka-configs) class=kafka.admin.ConfigCommand ;;
  kafka-acls) class=org.apache.kafka.tools.AclCommand ;;
  kafka-broker-api-versions) class=org.apache.kafka.tools.BrokerApiVersionsCommand ;;
  kafka-cluster) class=org.apache.kafka.tools.ClusterTool ;;
  kafka-console-consumer) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
  kafka-console-producer) class=org.apache.kafka.tools.ConsoleProducer ;;
  kafka-consumer-groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
  kafka-delete-records) class=org.apache.kafka.tools.DeleteRecordsCommand ;;
  kafka-dump-log) class=org.apache.kafka.tools.DumpLogSegments ;;
  kafka-features) class=org.apache.kafka.tools.FeatureCommand ;;
  kafka-get-offsets) class=org.apache.kafka.tools.GetOffsetShell ;;
  kafka-groups) class=org.apache.kafka.tools.GroupsCommand ;;
  kafka-leader-election) class=org.apache.kafka.tools.LeaderElectionCommand ;;
  kafka-log-dirs) class=org.apache.kafka.tools.LogDirsCommand ;;
  kafka-metadata-quorum) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
  kafka-producer-perf-test) class=org.apache.kafka.tools.ProducerPerformance ;;
  kafka-reassign-partitions) class=org.apache.kafka.tools.reassign.ReassignPartitionsCommand ;;
  kafka-topics) class=org.apache.kafka.tools.TopicCommand ;;
  kafka-transactions) class=org.apache.kafka.tools.TransactionsCommand ;;
  *) echo "$0 is the name of no program of Kafka" >&2; exit 64 ;;
esac
if [ "$class" = kafka.Kafka ]; then
  options="${KAFKA_HEAP_OPTS-} ${KAFKA_OPTS-}"
else
  options="-Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
fi
# shellcheck disable=SC2086 # options are words
exec java $options -cp "/opt/kafka/lib/*" "$class" "$@"
