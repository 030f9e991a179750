#!/usr/bin/env bash
# ci/lint.sh: what can be said of the sources without running them. Needs mix,
# promtool and shellcheck; fails where one of them is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

(
  cd bitactor_otp
  mix format --check-formatted
  mix compile --warnings-as-errors --force
  # Modules that need each other in a circle can be neither read nor tested alone.
  mix xref graph --format cycles --fail-above 0
)

shellcheck ci/*.sh

if [ -d monitoring/prometheus ]; then
  promtool check rules monitoring/prometheus/*.rules.yml
  promtool test rules monitoring/prometheus/*_test.yml
fi
