#!/bin/sh
# What a machine is, by other means than those of the reset: a line for each thing.
find /etc /usr/local /opt -printf 'file %p %M %u:%g %l\n' | grep -Ev '^file /etc/(passwd|group|shadow|gshadow|subuid|subgid|ld\.so\.cache|mtab)-? |^file /etc/\.pwd\.lock '
find /etc /usr/local /opt -type f -exec sha256sum {} + | grep -Ev '/etc/(passwd|group|shadow|gshadow|subuid|subgid|ld\.so\.cache)-?$'
ls -A / /home /root /srv /var/lib /var/log /sys/fs/bpf | sed 's/^/name /'
dpkg-query -W -f 'package ${db:Status-Abbrev} ${Package}\n'
getent passwd | sort | sed 's/^/user /'
getent group | sort | sed 's/^/group /'
systemctl list-unit-files --no-legend --plain | awk '{print "unit", $1, $2}'
findmnt --list --noheadings --output TARGET,FSTYPE | grep -Ev '^/run/(user|credentials)|binfmt_misc' | sort | sed 's/^/mount /'
ip -oneline link | awk '{print "link", $2}'
ip -oneline -4 address | awk '{print "address", $2, $4}'
for family in -4 -6; do
  ip $family rule | sed "s/^/rule $family /"
  ip $family route show table all | sed "s/^/route $family /"
done
tc filter show dev eth0 ingress
tc filter show dev eth0 egress
tc qdisc show | sed 's/^/queue /; s/ [0-9a-f]*: / /'
sysctl --all --pattern '^net\.(core\.(somaxconn|bpf)|ipv4\.(conf\.(all|default)|tcp_keep|tcp_max_syn|ip_))' 2>/dev/null | sed 's/^/setting /'
echo "host $(hostname)"
