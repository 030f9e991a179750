#!/usr/bin/env bash
# ci/dialyzer.sh [FOLDER]: dialyzer over the compiled project; FOLDER (bitactor_otp/_plt)
# keeps what it knows of Erlang and Elixir between runs.
set -euo pipefail
cd "$(dirname "$0")/../bitactor_otp"

folder=${1:-_plt}
elixir=$(elixir -e 'IO.puts(:code.lib_dir(:elixir))')
# Without Elixir's own applications on the path, dialyzer calls them unknown.
ERL_LIBS="$(dirname "$elixir")${ERL_LIBS:+:$ERL_LIBS}"
export ERL_LIBS MIX_ENV=prod

mkdir -p "$folder"
plt=$folder/$(elixir -e 'IO.write([System.otp_release(), ?-, System.version()])').plt
if [ ! -s "$plt" ]; then
  # 1 and 2 are warnings about Erlang and Elixir themselves.
  dialyzer --build_plt --output_plt "$plt" --apps erts kernel stdlib crypto public_key ssl inets runtime_tools elixir logger mix ex_unit || [ -s "$plt" ]
fi
mix compile --warnings-as-errors
dialyzer --plt "$plt" --no_check_plt -Wunmatched_returns -Wno_unknown --recursive _build/prod/lib/bitactor/ebin
