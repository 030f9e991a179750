#!/usr/bin/env bash
# ci/secrets.sh: looks for secrets in the whole history. gitleaks comes as a Go
# module, whose content the checksum database vouches for. Needs go and git.
set -euo pipefail
cd "$(dirname "$0")/.."

go run github.com/zricethezav/gitleaks/v8@v8.30.1 git --redact --verbose .
