#!/bin/sh
# What a probe asks: is the server `alive`, is it `ready`?
case $1 in
  alive) redis-cli PING | grep -qE '^(PONG|LOADING|BUSY)' ;;
  ready) # its part of the cluster serves; a replica has all that its primary has
    said=$(printf 'CLUSTER INFO\nINFO replication\n' | redis-cli)
    has() { case $said in *"$1"*) ;; *) return 1 ;; esac }
    has cluster_state:ok && { has role:master || has master_link_status:up; } ;;
esac
