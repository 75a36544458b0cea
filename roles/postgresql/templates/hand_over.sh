#!/bin/sh
# Before this pod stops: a leader hands over to the healthiest replica, so that writers wait for a second and not for a failover.
# Where nobody can take over, Patroni stops the server cleanly all the same.
[ "$(psql -XAtc 'SELECT pg_is_in_recovery()' postgres)" = f ] || exit 0
exec patronictl switchover "$PATRONI_SCOPE" --leader "$PATRONI_NAME" --force
