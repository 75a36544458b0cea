#!/bin/sh
# Erlang wants its cookie in a file that nobody else can read, which a mounted Secret cannot be.
umask 077
cp -f /secrets/cookie "$HOME/.erlang.cookie"
# Who is not up after a minute may wait for a name that nobody needs.
while sleep 60 && [ "$("${0%/*}/free_name.sh")" != true ]; do :; done &
exec rabbitmq-server
