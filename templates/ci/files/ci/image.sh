#!/usr/bin/env bash
# ci/image.sh NAME[:TAG]: builds the image into the local store.
# ci/image.sh --push NAME[:TAG] FILE: builds it with an SBOM and the provenance of
# the build attached, pushes it, and writes NAME@sha256:DIGEST to FILE.
# BASE_IMAGE, VERSION, REVISION and SOURCE go into the build where they are set.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=(--file docker/Dockerfile.bitactor)
for name in BASE_IMAGE VERSION REVISION SOURCE; do
  [ -z "${!name:-}" ] || arguments+=(--build-arg "$name=${!name}")
done

if [ "${1:-}" != --push ]; then
  docker buildx build "${arguments[@]}" --load --tag "${1:?usage: ci/image.sh [--push] NAME [FILE]}" .
  exit
fi

name=${2:?usage: ci/image.sh --push NAME FILE}
file=${3:?usage: ci/image.sh --push NAME FILE}
metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT
docker buildx build "${arguments[@]}" --sbom=true --provenance=mode=max --push --tag "$name" --metadata-file "$metadata" .
digest=$(jq -er '."containerimage.digest"' "$metadata")
printf '%s@%s\n' "${name%:*}" "$digest" >"$file"
cat "$file"
