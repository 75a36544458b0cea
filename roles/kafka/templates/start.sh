#!/bin/sh
# Formats an empty volume, then becomes the server. Of the brokers, those whose number is below $VOTING_BROKERS are controllers too.
set -eu
[ "$POD_INDEX" -ge "$VOTING_BROKERS" ] || ROLE=combined
settings=/etc/kafka/$ROLE.properties
if [ ! -e /data/kafka/meta.properties ]; then
  printf '%s\n' --add-scram "$SCRAM=[name=admin,password=$ADMIN_PASSWORD]" |     # in no argument: those are for all to see
    kafka-storage.sh format --cluster-id "$CLUSTER_ID" --config "$settings" --ignore-formatted @/dev/stdin \
    > /dev/null                                                                   # it would tell what it keeps of the password
fi
unset ADMIN_PASSWORD
exec kafka-server-start.sh "$settings"
