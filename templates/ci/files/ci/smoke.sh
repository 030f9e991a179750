#!/usr/bin/env bash
# ci/smoke.sh URL: waits up to SMOKE_SECONDS (120) for a node at URL to be ready,
# then looks at what else a node must answer.
set -euo pipefail

url=${1:?usage: ci/smoke.sh URL}
fetch() { curl --silent --show-error --fail --max-time 5 "$url$1"; }

deadline=$((SECONDS + ${SMOKE_SECONDS:-120}))
until fetch /readyz >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo "$url/readyz: not ready:" >&2
    curl --silent --show-error --max-time 5 "$url/readyz" >&2 || true
    exit 1
  fi
  sleep 1
done
fetch /startupz >/dev/null
fetch /livez >/dev/null
if ! fetch /metrics | grep -q '^bitactor_'; then
  echo "$url/metrics: no metric of bitactor" >&2
  exit 1
fi
echo "$url: ready"
