#!/bin/sh
# When members come and go at once, Erlang's `global` can keep the name under which one of them compared feature flags, long after it is
# done. A member that starts or stops waits for that work to end: for good. This frees the name if its holder is idle, and prints whether
# this member runs.
exec timeout 45 rabbitmqctl --quiet eval '
  Name = {rabbit_ff_controller, global}, Holder = global:whereis_name(Name),
  is_pid(Holder) andalso element(1, sys:get_state(Holder)) =:= standing_by andalso global:unregister_name(Name),
  rabbit:is_running().'
