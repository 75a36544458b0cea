#!/bin/sh
# Neo4j's two programs under their usual names. They stay small: the server itself is a Java of its own, as neo4j.conf says.
set -eu
case $(basename "$0") in
  neo4j-admin) class=org.neo4j.server.startup.Neo4jAdminCommand ;;
  *) class=org.neo4j.server.startup.Neo4jCommand ;;
esac
# What Java says of itself goes to stderr, as the output of `console --dry-run` is a command.
archive=${NEO4J_ARCHIVE--XX:SharedArchiveFile=$NEO4J_HOME/archive/programs.jsa}
exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "$archive" -Xlog:disable -Xlog:all=warning:stderr \
  -cp "$NEO4J_HOME/lib/*" -Dbasedir="$NEO4J_HOME" "$class" "$@"
