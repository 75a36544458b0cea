#!/bin/sh
# Puts the fetched backup where the server looks for its database.
set -eu
exec neo4j-admin database restore --from-path="$(echo /work/backup/*.backup)" "$NEO4J_DATABASE"
