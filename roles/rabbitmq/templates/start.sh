#!/bin/sh
# Erlang wants its cookie in a file that nobody else can read, which a mounted Secret cannot be.
umask 077
cp -f /secrets/cookie "$HOME/.erlang.cookie"
exec rabbitmq-server
