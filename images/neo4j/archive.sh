#!/bin/sh
# Runs the programs and the server once, so that Java keeps the classes which they load: half of the work of every later start.
set -eu
mkdir /tmp/conf
cat > /tmp/conf/neo4j.conf <<EOF
client.allow_telemetry=false
dbms.usage_report.enabled=false
server.fleet_discovery.enabled=false
server.bolt.listen_address=127.0.0.1:0
server.http.listen_address=127.0.0.1:0
server.directories.data=/tmp/data
server.directories.logs=/tmp/logs
server.jvm.additional=-XX:ArchiveClassesAtExit=$NEO4J_HOME/archive/server.jsa
EOF
export NEO4J_CONF=/tmp/conf
trap 'cat /tmp/log; rm -rf /tmp/conf /tmp/data /tmp/logs /tmp/log' EXIT
NEO4J_ARCHIVE=-XX:ArchiveClassesAtExit=$NEO4J_HOME/archive/programs.jsa neo4j console --dry-run
command=$(neo4j console --dry-run)
eval "exec $command" > /tmp/log 2>&1 &
for _ in $(seq 300); do
  if grep -q ' Started\.$' /tmp/log; then break; fi
  sleep 1
done
grep -q ' Started\.$' /tmp/log
kill $!
wait $! || [ $? -eq 143 ]             # the end that was asked for
ls -l "$NEO4J_HOME/archive/programs.jsa" "$NEO4J_HOME/archive/server.jsa"
