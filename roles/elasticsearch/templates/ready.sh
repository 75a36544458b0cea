#!/bin/bash
# A member is ready once every shard has its copies again: only then may the next one be replaced. It waits for that no longer than PATIENCE
# seconds, as a shard that is lost for good is no reason to serve nothing. From then on it is ready while it answers and knows a master.
health() {
  curl --silent --fail --output /dev/null --max-time 8 --cacert "$AUTHORITY" --config <(printf '%s\n' "$LOGIN") \
    "https://localhost:$PORT/_cluster/health?master_timeout=2s&timeout=2s$1"
}
health '' || exit 1
[[ -e /tmp/settled ]] && exit
health "&wait_for_no_initializing_shards=true&wait_for_status=$(< /members/status)" \
  || (( $(date +%s) - $(stat --format=%Y "$CONFIG/trust.p12") > PATIENCE )) || exit 1
touch /tmp/settled
