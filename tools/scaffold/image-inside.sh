#!/bin/sh
# image-inside.sh: run by image.sh in the container, as its user.
set -eu
release=/opt/bitactor/bin/bitactor
fail() {
  echo "image: $*" >&2
  exit 1
}

[ "$(id -u):$(id -g)" = 10001:10001 ] || fail "runs as $(id -u):$(id -g)"
[ -z "$(find / -xdev -perm /6000 -type f 2>/dev/null)" ] || fail "there are setuid programs"
[ -z "$(find /opt/bitactor ! -user 0 2>/dev/null)" ] || fail "files of the release belong to its user"
[ ! -e /opt/bitactor/releases/COOKIE ] || fail "a cookie lies in the release"
for place in /opt/bitactor /usr/bin /etc /; do
  ! touch "$place/written" 2>/dev/null || fail "$place can be written"
done
! command -v gcc >/dev/null || fail "there is a compiler"

# A missing secret ends it before anything starts, and says which one.
if text=$("$release" start 2>&1); then fail "started without a cookie"; fi
case $text in *BITACTOR_COOKIE*) ;; *) fail "without a cookie it says: $text" ;; esac

BITACTOR_COOKIE=$(head -c 30 /dev/urandom | base64 | tr -d '\n')
export BITACTOR_COOKIE
"$release" start >/tmp/log 2>&1 &
pid=$!
tries=0
until "$release" pid >/tmp/pid 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ] || ! kill -0 "$pid"; then
    cat /tmp/log >&2
    fail "does not start"
  fi
  sleep 1
done
[ "$(cat /tmp/pid)" = "$pid" ] || fail "the release command is not the virtual machine: $(cat /tmp/pid), not $pid"
# What the blocks of the project put in: ra behind the log, the NIF, readiness.
for answer in \
  'ra: if Code.ensure_loaded?(BitActor.Consensus), do: IO.write(BitActor.Consensus.status().mode)' \
  'loaded: if Code.ensure_loaded?(BitActor.NIF), do: IO.write(BitActor.nif())' \
  '200: if Code.ensure_loaded?(BitActor.Health), do: IO.write(:httpc.request(~c"http://127.0.0.1:9568/readyz") |> elem(1) |> elem(0) |> elem(1))'; do
  got=$("$release" rpc "${answer#*: }")
  case $got in '' | "${answer%%:*}") ;; *) cat /tmp/log >&2; fail "$got, not ${answer%%:*}" ;; esac
done
grep -q "$BITACTOR_COOKIE" /tmp/log && fail "the cookie is in the log"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" = 0 ] || { cat /tmp/log >&2; fail "SIGTERM ended it with $status"; }
