#!/usr/bin/env bash
# ci/sanitizers.sh: the tests with the NIF built by AddressSanitizer and
# UndefinedBehaviorSanitizer. An error ends the VM, so a test that ran to its
# end found none.
set -euo pipefail
cd "$(dirname "$0")/../bitactor_otp"

export MIX_ENV=test BITACTOR_NIF=required
export CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1"
export LDFLAGS="-fsanitize=address,undefined"
# The VM never frees all of its memory at exit: leaks are not looked for here.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

cc=${CC:-cc}
preload="$("$cc" -print-file-name=libasan.so) $("$cc" -print-file-name=libubsan.so)"

# Mix loads the NIF while it compiles, so the libraries are there for that too.
LD_PRELOAD=$preload mix compile --force --warnings-as-errors
LD_PRELOAD=$preload mix test "$@"
