#!/usr/bin/env bash
# ci/test.sh [ARGUMENT...]: compiles with warnings as errors and runs the tests,
# those of test/ beside the Mix project too. Arguments go to mix test.
set -euo pipefail
cd "$(dirname "$0")/../bitactor_otp"

export MIX_ENV=test
if [ "${BITACTOR_PROFILE:-otp}" = hex ]; then
  mix local.hex --force
  mix local.rebar --force
  mix deps.get
fi
mix compile --warnings-as-errors
mix test "$@"
