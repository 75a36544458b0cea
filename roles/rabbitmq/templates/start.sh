#!/bin/sh
# Erlang wants its cookie in a file that nobody else can read, which a mounted Secret cannot be.
umask 077
cp -f /secrets/cookie "$HOME/.erlang.cookie"
# A member whose disk is empty is known to the others as the one that it was: they refuse it, and it begins a cluster of its own. Those that
# answer forget it first; at the start of all none does, or knows it.
if ! [ -e "$RABBITMQ_MNESIA_BASE/$RABBITMQ_NODENAME" ]; then
  member=${RABBITMQ_NODENAME#*@} others=${RABBITMQ_NODENAME#*.}
  for number in 0 1 2 3 4 5 6; do
    other=${member%%-[0-9]*}-$number.$others
    [ "$other" != "$member" ] && timeout 3 bash -c "</dev/tcp/$other/{{ rabbitmq_pods.cluster_port }}" 2>/dev/null || continue
    timeout 60 rabbitmqctl --quiet --node "rabbit@$other" forget_cluster_node "$RABBITMQ_NODENAME" && break
  done
fi
# Who is not up after a minute may wait for a name that nobody needs.
while sleep 60 && [ "$("${0%/*}/free_name.sh")" != true ]; do :; done &
exec rabbitmq-server
