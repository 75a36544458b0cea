#!/bin/sh
# Becomes the server by the command that Neo4j's own program would run, without staying beside it as a second Java.
set -eu
cp -f "$(dirname "$0")"/* "$NEO4J_CONF"
[ -z "${ADVERTISED_ADDRESS-}" ] || echo "server.default_advertised_address=$ADVERTISED_ADDRESS" >> "$NEO4J_CONF/neo4j.conf"
# The administrator has this password from the very first start; from then on the role keeps it.
[ -z "${ADMIN_PASSWORD-}" ] || [ -e /data/databases/system ] || neo4j-admin dbms set-initial-password "$ADMIN_PASSWORD"
unset ADMIN_PASSWORD
command=$(neo4j console --dry-run)
eval exec "$command"
