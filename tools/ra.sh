#!/usr/bin/env bash
# ra.sh: prints the folder to put on ERL_LIBS for the Raft library ra, which it
# gets where it is missing: from Debian's package rabbitmq-server, unpacked into
# a folder of the tests' own. Nothing is installed and no service starts. apt
# verifies the package's signature and checksum.
set -euo pipefail

own=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/ra
applications='ra aten gen_batch_server seshat'

if [ ! -d "$own/lib" ]; then
  mkdir -p "$own"
  # Built beside its place and renamed, so that two runs at once do no harm.
  work=$(mktemp -d "$own/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download rabbitmq-server) >&2
  dpkg-deb -x "$work"/rabbitmq-server_*.deb "$work/deb"
  mkdir "$work/lib"
  for application in $applications; do
    found=$(compgen -G "$work/deb/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/$application-*") || {
      echo "ra.sh: the package holds no $application" >&2
      exit 1
    }
    cp -R "$found" "$work/lib/"
  done
  mv "$work/lib" "$own/lib" 2>/dev/null || [ -d "$own/lib" ]
fi
echo "$own/lib"
