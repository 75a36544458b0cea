#!/bin/sh
# The server's archive_command: a segment of the write-ahead log to the bucket. The first one ever finds nothing prepared there; the server tries
# it again by itself. The archive of another cluster is left alone: whether its backups are still wanted is for a person to say.
said=$(pgbackrest archive-push "$1" 2>&1) && exit
code=$?
printf '%s\n' "$said" >&2
case $said in *"[FileMissingError] unable to load info file"*) pgbackrest stanza-create >&2 ;; esac
exit $code
