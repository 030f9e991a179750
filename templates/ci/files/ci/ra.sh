#!/usr/bin/env bash
# ci/ra.sh FOLDER: unpacks ra, the Raft library, and what it needs out of the
# distribution's package rabbitmq-server, which is not installed, and prints
# FOLDER. With ERL_LIBS=FOLDER the consensus log is replicated; without ra it is
# that of one node.
set -euo pipefail

folder=${1:?usage: ci/ra.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if ! compgen -G "$folder/ra-*" >/dev/null; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  cd "$scratch"
  apt-get download rabbitmq-server >&2
  dpkg-deb --extract rabbitmq-server_*.deb .
  for app in ra aten gen_batch_server seshat; do
    for found in usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/"$app"-*; do
      case $found in
        *.ez) python3 -m zipfile -e "$found" "$folder" ;; # some versions are packed
        *) mv "$found" "$folder/" ;;
      esac
    done
  done
fi
printf '%s\n' "$folder"
