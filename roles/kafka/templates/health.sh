#!/bin/sh
# health.sh serves      Does this member take part? A broker is running (state 3), a controller knows who leads.
# health.sh may_stop    Waits until a broker can stop and every partition still has its other copies, $PATIENCE seconds at most.
metric() {
  curl -sfg --max-time 4 "http://$1:$METRICS_PORT/metrics?name[]=$2" | awk '!/^#/ {sum += $NF; found = 1} END {if (!found) exit 1; print sum}'
}
serves() {
  case $ROLE in
    broker) [ "$(metric localhost kafka_server_kafkaserver_brokerstate)" = 3 ] ;;
    controller) [ "$(metric localhost kafka_server_raft_metrics_current_leader)" -ge 0 ] ;;
  esac
}
lacking() { # partitions without all their copies, as those say that lead them
  for broker in $(getent ahostsv4 "$SERVICE" | awk '{print $1}' | sort -u); do
    metric "$broker" kafka_server_replicamanager_underreplicatedpartitions
  done | awk '{sum += $1} END {print sum + 0}'
}
may_stop() {
  end=$(($(date +%s) + PATIENCE))
  while [ "$ROLE" = broker ] && serves && [ "$(lacking)" != 0 ] && [ "$(date +%s)" -lt "$end" ]; do sleep 1; done
}
"$1"
