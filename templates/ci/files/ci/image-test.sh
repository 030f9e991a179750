#!/usr/bin/env bash
# ci/image-test.sh IMAGE: runs the image as Kubernetes would (another user than
# root, a read-only root, no capability), waits until it is ready, and stops it
# with SIGTERM, which must end it with status 0.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: ci/image-test.sh IMAGE}
scratch=$(mktemp -d)
container=
finish() {
  rm -rf "$scratch"
  [ -z "$container" ] || docker rm --force "$container" >/dev/null
}
trap finish EXIT

head -c 32 /dev/urandom | base64 | tr -d '\n' >"$scratch/cookie"
chmod 0755 "$scratch"
chmod 0444 "$scratch/cookie"
container=$(docker run --detach --user 10001:10001 --read-only --cap-drop ALL --security-opt no-new-privileges \
  --tmpfs /tmp:mode=1777 --tmpfs /var/lib/bitactor:uid=10001,gid=10001,mode=0750 \
  --volume "$scratch:/etc/bitactor/cookie:ro" --env BITACTOR_COOKIE_FILE=/etc/bitactor/cookie/cookie \
  --publish 127.0.0.1::9568 "$image")
address=$(docker port "$container" 9568/tcp)

if ! ci/smoke.sh "http://$address"; then
  docker logs "$container" >&2
  exit 1
fi
if docker exec "$container" /bin/sh -c 'echo x >/opt/bitactor/x' 2>/dev/null; then
  echo "the release can be written to by its own user" >&2
  exit 1
fi
docker stop --time 45 "$container" >/dev/null
status=$(docker inspect --format '{{.State.ExitCode}}' "$container")
if [ "$status" != 0 ]; then
  docker logs "$container" >&2
  echo "SIGTERM ended it with status $status, not 0" >&2
  exit 1
fi
echo "$image: ready, read-only, stopped by SIGTERM with status 0"
