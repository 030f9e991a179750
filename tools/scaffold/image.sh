#!/usr/bin/env bash
# image.sh PROJECT: builds the image of a rendered project with buildah on a base
# that mmdebstrap makes, so without any registry; runs it as the user 10001; and
# holds it to what docker/Dockerfile.bitactor promises: nothing but the data
# folder and /tmp can be written, no program is setuid, no cookie lies in the
# release, a missing secret ends it by name, SIGTERM ends it with 0, and all of it
# is less than 300 MB.
# Needs root (or user namespaces), buildah, mmdebstrap and a Debian mirror.
set -euo pipefail

project=${1:?usage: image.sh PROJECT}
here=$(cd "$(dirname "$0")" && pwd)
cache=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/scaffold
mkdir -p "$cache"
scratch=$(mktemp -d "$cache/image.XXXXXX")
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
b() { buildah --root "$scratch/root" --runroot "$scratch/run" "$@"; }
finish() {
  b rm --all >/dev/null 2>&1 || true
  b rmi --all --force >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap finish EXIT

base=$cache/base-bookworm.tar
if [ ! -s "$base" ]; then
  mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$base.new"
  mv "$base.new" "$base"
fi
container=$(b from scratch)
b add --quiet "$container" "$base" / >/dev/null
b commit --quiet --rm "$container" localhost/base:bookworm >/dev/null

b bud --quiet --format docker --ignorefile "$project/docker/Dockerfile.bitactor.dockerignore" --build-arg BASE_IMAGE=localhost/base:bookworm \
  --file "$project/docker/Dockerfile.bitactor" --tag localhost/bitactor:test "$project" >/dev/null
bytes=$(b inspect --type image --format '{{.Docker.Size}}' localhost/bitactor:test)
[ "$bytes" -gt 0 ] 2>/dev/null || bytes=$(du -sb "$(b mount "$(b from localhost/bitactor:test)")" | cut -f1)
if [ "$bytes" -gt $((300 * 1000 * 1000)) ]; then
  echo "image: $bytes bytes, more than 300 MB" >&2
  exit 1
fi

container=$(b from localhost/bitactor:test)
b run --user 10001:10001 --volume "$here:/checks:ro" "$container" -- /bin/sh /checks/image-inside.sh
echo "image: built, ran as 10001, $((bytes / 1000000)) MB"
