#!/usr/bin/env bash
# Deploys.
set -euo pipefail

. ./lib.sh
source "$HOME/.env"

readonly TARGET=prod
export REGION="eu}"
count=0

# Says what is wrong.
fail() {
  local message=$1
  echo "$message" >&2 && exit 1
}

function deploy {
  case "$1" in
    a) echo a ;;
    *) fail "no $1" ;;
  esac
  cat <<EOF
text } with $TARGET
EOF
  for x in 1 2; do echo $((x + count)) "$(date)"; done
}

deploy "$@"
