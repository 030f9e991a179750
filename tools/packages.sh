#!/usr/bin/env bash
# packages.sh: gets the Debian packages whose programs the tests drive, where
# they are missing: with root's rights where this user has them without a
# password; else those that can be are unpacked into a folder of the tests' own,
# which the Makefile puts on the PATH. It says which can't be had: the tests
# that need them are skipped, or fail where CF_TEST_REQUIRE is set, as in CI.
set -euo pipefail

# PACKAGE PROOF: a program on the PATH, or a file (a pattern), that shows that
# the package, or the same from another source, is there.
needed='
git                 git
bubblewrap          bwrap
tmux                tmux
iproute2            ip
gcc                 gcc
clang               clang
clang-format        clang-format
libclang-rt-14-dev  /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*
shellcheck          shellcheck
python3             /usr/bin/python3
python3-pytest      /usr/lib/python3/dist-packages/pytest/__init__.py
python3-pyflakes    /usr/lib/python3/dist-packages/pyflakes/__init__.py
nodejs              node
node-typescript     tsc
cargo               cargo
rustfmt             rustfmt
erlang-base         escript
erlang-dev          /usr/lib/erlang/usr/include/erl_nif.h
erlang-eunit        /usr/lib/erlang/lib/eunit-*
erlang-tools        /usr/lib/erlang/lib/tools-*
erlang-parsetools   /usr/lib/erlang/lib/parsetools-*
erlang-syntax-tools /usr/lib/erlang/lib/syntax_tools-*
erlang-crypto       /usr/lib/erlang/lib/crypto-*
erlang-inets        /usr/lib/erlang/lib/inets-*
erlang-public-key   /usr/lib/erlang/lib/public_key-*
erlang-ssl          /usr/lib/erlang/lib/ssl-*
erlang-runtime-tools /usr/lib/erlang/lib/runtime_tools-*
erlang-proper       /usr/lib/erlang/lib/proper-*
prometheus          promtool
curl                curl
elixir              mix
cppcheck            cppcheck
chromium            chromium
'
# packages.sh production: also what judges, builds and runs the generated system.
[ "${1:-}" != production ] || needed+='
python3-venv        /usr/lib/python3.*/ensurepip/__init__.py
npm                 npm
erlang-dialyzer     dialyzer
mmdebstrap          mmdebstrap
buildah             buildah
'
own=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/tools
PATH=$PATH:/usr/sbin:/sbin:$own/bin

# missing prints the packages of which there is no sign.
missing() {
  while read -r package proof; do
    case $proof in
      '') ;;
      /*) compgen -G "$proof" >/dev/null || echo "$package" ;;
      *) command -v "$proof" >/dev/null || echo "$package" ;;
    esac
  done <<<"$needed"
}

private=(-o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own" -o Debug::NoLocking=1 -q)

# unpack_promtool gets one program of a package that would start a service if it were
# installed.
unpack_promtool() {
  mkdir -p "$own/lists/partial" "$own/archives/partial" "$own/bin" "$own/unpacked"
  apt-get "${private[@]}" update >/dev/null || return
  (cd "$own/archives" && apt-get "${private[@]}" download prometheus >/dev/null) || return
  dpkg -x "$own"/archives/prometheus_*.deb "$own/unpacked" || return
  ln -sf "$own/unpacked/usr/bin/promtool" "$own/bin/promtool"
  echo "unpacked for the tests, into $own: promtool"
}

# unpack gets packages and what they depend on, and makes a wrapper of each
# program that finds its libraries.
unpack() {
  mkdir -p "$own/lists/partial" "$own/archives/partial" "$own/bin" "$own/unpacked"
  apt-get "${private[@]}" update >/dev/null &&
    apt-get "${private[@]}" -y --download-only --no-install-recommends install "$@" >/dev/null || return
  local deb package library name
  for deb in "$own"/archives/*.deb; do dpkg -x "$deb" "$own/unpacked" || return; done
  library=$(dirname "$(find "$own/unpacked" -name '*.so*' -print -quit)")
  for package in "$@"; do
    name=${movable[$package]}
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$library" \
      "$(find "$own/unpacked" -path "*bin/$name" -print -quit)" >"$own/bin/$name"
    chmod +x "$own/bin/$name"
  done
}

# The programs that run from any folder: most know where they are installed.
declare -A movable=([tmux]=tmux [iproute2]=ip)

mapfile -t wanted < <(missing)
[ ${#wanted[@]} -gt 0 ] || exit 0
if [[ " ${wanted[*]} " == *" prometheus "* ]] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  unpack_promtool || true
fi
sudo=
[ "$(id -u)" = 0 ] || sudo="sudo -n"
install() {
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" >/dev/null
}

mapfile -t wanted < <(missing)
[ ${#wanted[@]} -gt 0 ] || exit 0
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
  echo "installing for the tests: ${wanted[*]}"
  $sudo apt-get update -q >/dev/null
  # One that this release does not have must not keep the others away.
  install "${wanted[@]}" || for package in "${wanted[@]}"; do install "$package" || true; done
elif command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  for package in "${wanted[@]}"; do
    [ -n "${movable[$package]:-}" ] && unpack "$package" && echo "unpacked for the tests, into $own: $package"
  done
fi
mapfile -t wanted < <(missing)
[ ${#wanted[@]} -gt 0 ] || exit 0
echo "missing: ${wanted[*]}" >&2
if [ -n "${CF_TEST_REQUIRE:-}" ]; then
  echo "tests that need them will fail, as CF_TEST_REQUIRE is set" >&2
else
  echo "tests that need them are skipped" >&2
fi
