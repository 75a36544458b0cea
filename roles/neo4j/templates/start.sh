#!/bin/sh
# Becomes the server by the command that Neo4j's own program would run, without staying beside it as a second Java.
set -eu
cp -f "$(dirname "$0")"/* "$NEO4J_CONF"
[ -z "${ADVERTISED_ADDRESS-}" ] || echo "server.default_advertised_address=$ADVERTISED_ADDRESS" >> "$NEO4J_CONF/neo4j.conf"
# The administrator has this password from the very first start; from then on the role keeps it. It is handed on in a file in memory, as
# arguments are for all to see.
if [ -n "${ADMIN_PASSWORD-}" ] && [ ! -e /data/databases/system ]; then
  (umask 077 && printf '%s' "$ADMIN_PASSWORD" > "$NEO4J_CONF/password")
  neo4j-admin dbms set-initial-password "@$NEO4J_CONF/password"
  rm "$NEO4J_CONF/password"
fi
unset ADMIN_PASSWORD
# A database that met an error which it cannot go on after, such as a full disk, stays away while its server seems well: that one is stopped,
# and a new start reads the log of transactions.
rm -f /logs/panic.log /tmp/neo4j.pid              # what a container that was killed left says nothing of this one
(while sleep 5; do [ ! -s /logs/panic.log ] || kill 1; done) &
command=$(neo4j console --dry-run)
eval exec "$command"
