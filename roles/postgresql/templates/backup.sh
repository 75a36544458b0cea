#!/bin/sh
# A full backup, from a replica where there is one; older ones than are kept go.
set -e
pgbackrest stanza-create
pgbackrest backup --type=full
pgbackrest info --output=json > /work/info.json
