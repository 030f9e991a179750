#!/usr/bin/env bash
# with-server.sh CF COMMAND [ARG ...]: runs COMMAND with a real model server and
# the small real model that a package carries. It is a private server with state
# and models in a folder of the tests' own, never one of the user's; what cf has
# built is taken from the user's cache. The server ends with the command.
set -euo pipefail

cf=$1
shift
home=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}
export XDG_STATE_HOME=$home/state XDG_DATA_HOME=$home/data XDG_CONFIG_HOME=$home/config OLLAMA_MODELS=$home/models
unset OLLAMA_HOST
export CF_HOST=private CF_MODEL=smollm2:135m CF_IDLE_MINUTES=180

trap '"$cf" setup --stop >/dev/null 2>&1 || true' EXIT
"$cf" setup --yes --start
state=$("$cf" setup --start --json | tail -n 2 | head -n 1)
url=$(sed -n 's/.*"server":{"url":"\([^"]*\)".*/\1/p' <<<"$state")
program=$(sed -n 's/.*"binary": *"\([^"]*\)".*/\1/p' "$XDG_STATE_HOME/cf/server/install.json" 2>/dev/null || true)
[ -n "$url" ] || { echo "with-server.sh: cf setup named no server: $state" >&2; exit 1; }

unset CF_HOST OLLAMA_MODELS
export CF_TEST_OLLAMA=$url CF_TEST_OLLAMA_BINARY=$program OLLAMA_HOST=$url
"$@"
