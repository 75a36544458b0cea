#!/bin/sh
# Erlang wants its cookie in a file that nobody else can read, which a mounted Secret cannot be.
umask 077
cp -f /secrets/cookie "$HOME/.erlang.cookie"
# When members come and go at once, Erlang's `global` can keep the name under which one of them compared feature flags, long after it is
# done. A member that starts waits for that work to end: for good. So who is not up after a minute frees the name, if its holder is idle.
free='Name = {rabbit_ff_controller, global}, Holder = global:whereis_name(Name),
  rabbit:is_running() orelse is_pid(Holder) andalso element(1, sys:get_state(Holder)) =:= standing_by andalso global:unregister_name(Name).'
while sleep 60 && [ "$(timeout 45 rabbitmqctl --quiet eval "$free")" != true ]; do :; done &
exec rabbitmq-server
