#!/usr/bin/env bash
# with-server.sh CF COMMAND [ARG ...]: runs COMMAND with a real model server and
# the small real model that a package carries. State and models live in a folder
# of the tests' own; the built server is shared with the user's cf.
set -euo pipefail

cf=$1
shift
cache=${XDG_CACHE_HOME:-$HOME/.cache}
export XDG_STATE_HOME=${CF_TEST_HOME:-$cache/cf-test}/state
export XDG_DATA_HOME=${CF_TEST_HOME:-$cache/cf-test}/data
export XDG_CONFIG_HOME=${CF_TEST_HOME:-$cache/cf-test}/config
unset OLLAMA_HOST

# --private: the tests must not use, load or change a server of the user's.
url=$("$cf" setup --yes --private --model smollm2:135m --json | tee >(grep -v '"progress"' >&2) |
  sed -n 's/.*"type":"server".*"url":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -n "$url" ] || { echo "with-server.sh: cf setup named no server" >&2; exit 1; }
export CF_TEST_OLLAMA=$url CF_TEST_REQUIRE=1 OLLAMA_HOST=$url CF_MODEL=smollm2:135m
"$@"
