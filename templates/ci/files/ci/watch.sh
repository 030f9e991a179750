#!/usr/bin/env bash
# ci/watch.sh COLOUR: looks at the gateways of COLOUR every WATCH_STEP (10)
# seconds for WATCH_SECONDS (300). It fails as soon as a pod is not ready or has
# been restarted, or, where PROMETHEUS_URL is set, when more than WATCH_ERRORS
# (0.01) of the signals of the last minute failed.
set -euo pipefail

colour=${1:?usage: ci/watch.sh COLOUR}
selector="app.kubernetes.io/component=gateway,bitactor.example.com/colour=$colour"
fail() {
  echo "watch: $colour: $*" >&2
  exit 1
}

pods() {
  kubectl --namespace bitactor get pods --selector "$selector" --output \
    jsonpath='{range .items[*]}{.metadata.name} {.status.containerStatuses[0].ready} {.status.containerStatuses[0].restartCount}{"\n"}{end}'
}

look_at_pods() {
  local name ready restarts seen=0
  while read -r name ready restarts; do
    [ -n "$name" ] || continue
    seen=$((seen + 1))
    [ "$ready" = true ] || fail "$name is not ready"
    [ "$restarts" = 0 ] || fail "$name has been restarted $restarts times"
  done <<<"$(pods)"
  [ "$seen" -gt 0 ] || fail "no pod"
}

look_at_errors() {
  local query answer
  query="max(bitactor:signal_errors:ratio_rate1m) > ${WATCH_ERRORS:-0.01}"
  answer=$(curl --silent --show-error --fail --max-time 10 --get --data-urlencode "query=$query" "$PROMETHEUS_URL/api/v1/query") ||
    fail "Prometheus does not answer"
  case $answer in
    *'"result":[]'*) ;;
    *) fail "too many signals fail: $answer" ;;
  esac
}

[ -n "${PROMETHEUS_URL:-}" ] || echo "watch: PROMETHEUS_URL is not set: pods only"
deadline=$((SECONDS + ${WATCH_SECONDS:-300}))
while [ "$SECONDS" -lt "$deadline" ]; do
  look_at_pods
  [ -z "${PROMETHEUS_URL:-}" ] || look_at_errors
  sleep "${WATCH_STEP:-10}"
done
echo "watch: $colour: nothing to report"
