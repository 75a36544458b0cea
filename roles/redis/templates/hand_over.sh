#!/bin/sh
# Before this pod stops: a primary hands over to a replica, which costs its clients a redirection instead of a failover.
# Where nobody can take over, it stops all the same; its data is on its volume.
role() { redis-cli ROLE | head -n 1; }
for _ in 1 2 3; do
  [ "$(role)" = master ] || break
  replica=$(redis-cli INFO replication | sed -n 's/^slave[0-9]*:ip=\([^,]*\),.*state=online.*/\1/p' | head -n 1)
  [ -n "$replica" ] || exit 0
  redis-cli -h "$replica" CLUSTER FAILOVER
  for _ in 1 2 3 4 5 6; do [ "$(role)" = master ] && sleep 1; done
done
sleep 3 # whoever still asks here is told where to go
