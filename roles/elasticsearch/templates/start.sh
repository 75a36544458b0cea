#!/bin/bash
# Starts the server of the image: its configuration is the image's with ours over it; keys go to a keystore, the site's authority to a
# store that Java reads. The configuration lies in memory and is made anew at each start.
set -euo pipefail
cd "$SERVER_HOME"
rm -f "${CONFIG:?}"/*.keystore "$CONFIG/trust.p12" /tmp/settled
cp -R config/. "$CONFIG"
cp -RL /settings/* "$CONFIG"
if [[ ${POD_NAME-} == *-0 ]]; then
  cat /members/founders.yml >> "$CONFIG/$SERVER.yml"
fi

names=() values=()
for entry in $KEYSTORE; do
  variable=${entry#*=}
  names+=("${entry%%=*}") values+=("${!variable}")
done
printf '%s\n' "${values[@]}" | "bin/$SERVER-keystore" add --stdin --force "${names[@]}"

certificate='' number=0                     # keytool reads one at a time; while the authority is rotated there are two
while read -r line; do
  certificate+=$line$'\n'
  [[ $line == *'END CERTIFICATE'* ]] || continue
  jdk/bin/keytool -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC \
    -importcert -noprompt -alias "site-$((++number))" -keystore "$CONFIG/trust.p12" -storepass changeit <<< "$certificate"
  certificate=''
done < "$AUTHORITY"

exec "bin/$SERVER"
