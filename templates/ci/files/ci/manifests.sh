#!/usr/bin/env bash
# ci/manifests.sh IMAGE@sha256:DIGEST: prints the manifests with this image in
# every container. An image that can change under its name is refused.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: ci/manifests.sh IMAGE@sha256:DIGEST}
if ! [[ $image =~ ^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$ ]]; then
  echo "ci/manifests.sh: $image is not NAME@sha256:DIGEST" >&2
  exit 64
fi
sed "s|^\( *image: \).*|\1$image|" k8s/bitactor-deployment.yaml
