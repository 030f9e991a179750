#!/usr/bin/env bash
# ci/dialyzer.sh [FOLDER]: dialyzer over the compiled project and what its tests share;
# FOLDER (bitactor_otp/_plt) keeps what it knows of Erlang and Elixir between runs.
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
  dialyzer --build_plt --output_plt "$plt" --apps erts kernel stdlib crypto public_key ssl inets runtime_tools tools elixir logger mix ex_unit || [ -s "$plt" ]
fi
mix compile --warnings-as-errors
ebin=_build/$MIX_ENV/lib/bitactor/ebin

# Modules that tests share are scripts, and have no object code elsewhere.
support=$folder/support
rm -rf "$support"
mkdir "$support"
shopt -s nullglob
for file in test/support/*.exs ../test/*/*.exs; do
  case $file in
    *_test.exs | */test_helper.exs) ;;
    *) elixirc -pa "$ebin" -o "$support" "$file" ;;
  esac
done

# Iodata is made of improper lists.
dialyzer --plt "$plt" --no_check_plt -Wunmatched_returns -Wno_improper_lists "$ebin" "$support"
