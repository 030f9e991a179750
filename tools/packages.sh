#!/usr/bin/env bash
# packages.sh PROGRAM-PACKAGE ...: installs the Debian packages that the tests
# drive, where they are missing and this user may. Elsewhere it says which tests
# will be skipped.
set -euo pipefail

declare -A program=([tmux]=tmux [iproute2]=ip [strace]=strace)
missing=()
for package in "$@"; do
  command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
  echo "installing for the tests: ${missing[*]}"
  $sudo apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "not installed, so some tests are skipped: ${missing[*]}" >&2
fi
