#!/bin/sh
# Before this pod stops: wait until no queue loses its majority by it, then move leaders to others and send clients there.
# Where that cannot be, as when all stop, the server stops cleanly all the same.
rabbitmq-upgrade --timeout 60 await_online_quorum_plus_one
rabbitmq-upgrade --timeout 60 drain
# The server's own stop can wait for that name, too.
"${0%/*}/free_name.sh"
