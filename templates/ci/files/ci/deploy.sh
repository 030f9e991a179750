#!/usr/bin/env bash
# ci/deploy.sh IMAGE@sha256:DIGEST: brings an image into production.
#
#   1. voters, one at a time, each behind the quorum guard of its preStop hook
#   2. gateways of the idle colour, as many as serve now
#   3. smoke test of the idle colour, to which no client is sent yet
#   4. the Service bitactor switches to it
#   5. watch for WATCH_SECONDS (300); then the old colour goes down to 0
#
# What fails before 4 leaves clients where they are. What fails in 5 switches
# back. In both cases voters return to the image that they had. Voters of the new
# version and of the one before read each other's log, so both orders are safe.
#
# Needs kubectl, with a context for the cluster, and curl. PROMETHEUS_URL, where
# set, has the watch look at the share of failed signals too. A first deployment
# has no Service bitactor yet: then everything is applied, and blue serves.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: ci/deploy.sh IMAGE@sha256:DIGEST}
colour_label=bitactor.example.com/colour
rollout_timeout=${ROLLOUT_TIMEOUT:-45m} # three voters, each up to its grace period
smoke_port=${SMOKE_PORT:-19568}
switched=no
voters_touched=no
forward=
active=
idle=

k() { kubectl --namespace bitactor "$@"; }
say() { printf '%s\n' "deploy: $*"; }

apply() { # PART: those objects of the manifests that carry the label
  kubectl apply --filename "$manifests" --selector "bitactor.example.com/part=$1"
}

serve() { # COLOUR: where the Service sends clients
  k patch service bitactor --type merge --patch "{\"spec\":{\"selector\":{\"$colour_label\":\"$1\"}}}"
}

stop_forward() {
  [ -z "$forward" ] || kill "$forward" 2>/dev/null || true
  [ -z "$forward" ] || wait "$forward" 2>/dev/null || true
  forward=
}

# on_exit undoes what a failed deployment has done so far.
on_exit() {
  local status=$?
  stop_forward
  rm -f "$manifests"
  [ "$status" != 0 ] || return 0
  set +e
  if [ "$switched" = yes ]; then
    say "failed after the switch: back to $active"
    serve "$active"
  elif [ -n "$idle" ]; then
    say "failed before the switch: $active still serves"
  fi
  [ -z "$idle" ] || k scale "deployment/bitactor-gateway-$idle" --replicas=0
  if [ "$voters_touched" = yes ]; then
    say "voters back to the image before"
    k rollout undo statefulset/bitactor-voter
    k rollout status statefulset/bitactor-voter --timeout="$rollout_timeout"
  fi
  exit "$status"
}

first_deployment() {
  say "no Service bitactor: first deployment"
  kubectl apply --filename "$manifests"
  k rollout status statefulset/bitactor-voter --timeout="$rollout_timeout"
  k rollout status deployment/bitactor-gateway-blue --timeout="$rollout_timeout"
  k scale deployment/bitactor-gateway-green --replicas=0
}

roll_voters() {
  say "voters"
  voters_touched=yes
  apply voter
  k rollout status statefulset/bitactor-voter --timeout="$rollout_timeout"
}

fill_idle() {
  local replicas
  replicas=$(k get "deployment/bitactor-gateway-$active" --output jsonpath='{.status.readyReplicas}')
  say "$idle: ${replicas:-2} gateways"
  apply "$idle"
  k scale "deployment/bitactor-gateway-$idle" --replicas="${replicas:-2}"
  k rollout status "deployment/bitactor-gateway-$idle" --timeout="$rollout_timeout"
}

smoke_idle() {
  say "smoke test of $idle"
  # Not through k: the process of a function in the background is not kubectl's.
  kubectl --namespace bitactor port-forward "service/bitactor-gateway-$idle" "$smoke_port:9568" >/dev/null &
  forward=$!
  ci/smoke.sh "http://127.0.0.1:$smoke_port"
  stop_forward
}

main() {
  active=$(k get service bitactor --ignore-not-found --output "jsonpath={.spec.selector.${colour_label//./\\.}}")
  case $active in
    blue) idle=green ;;
    green) idle=blue ;;
    '')
      first_deployment
      return
      ;;
    *)
      say "the Service bitactor selects the colour $active, which is neither blue nor green"
      exit 1
      ;;
  esac
  say "$active serves; $image goes to $idle"
  apply base
  roll_voters
  fill_idle
  smoke_idle
  say "switch from $active to $idle"
  switched=yes
  serve "$idle"
  ci/watch.sh "$idle"
  say "$idle serves; $active goes down"
  k scale "deployment/bitactor-gateway-$active" --replicas=0
}

manifests=$(mktemp)
trap on_exit EXIT
ci/manifests.sh "$image" >"$manifests"
main
