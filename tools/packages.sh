#!/usr/bin/env bash
# packages.sh PACKAGE ...: gets the Debian packages whose programs the tests
# drive, where they are missing: with root's rights where this user has them
# without a password, else unpacked into a folder of the tests' own, which
# with-server.sh puts on the PATH. Where neither can be done it says which tests
# are skipped.
set -euo pipefail

declare -A program=([tmux]=tmux [iproute2]=ip)
own=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/tools
PATH=$PATH:$own/bin
missing=()
for package in "$@"; do
  command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# unpack gets packages and what they depend on, and makes a wrapper of each
# program that finds its libraries.
unpack() {
  mkdir -p "$own/lists/partial" "$own/archives/partial" "$own/bin" "$own/root"
  local private=(-o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own" -o Debug::NoLocking=1 -q)
  apt-get "${private[@]}" update >/dev/null &&
    apt-get "${private[@]}" -y --download-only --no-install-recommends install "$@" >/dev/null || return
  local deb package library name
  for deb in "$own"/archives/*.deb; do dpkg -x "$deb" "$own/root" || return; done
  library=$(dirname "$(find "$own/root" -name '*.so*' -print -quit)")
  for package in "$@"; do
    name=${program[$package]}
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$library" \
      "$(find "$own/root" -path "*bin/$name" -print -quit)" >"$own/bin/$name"
    chmod +x "$own/bin/$name"
  done
}

sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
  echo "installing for the tests: ${missing[*]}"
  $sudo apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends "${missing[@]}" >/dev/null
elif command -v apt-get >/dev/null && command -v dpkg >/dev/null && unpack "${missing[@]}"; then
  echo "unpacked for the tests, into $own: ${missing[*]}"
else
  echo "not installed, so some tests are skipped: ${missing[*]}" >&2
fi
