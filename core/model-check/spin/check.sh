#!/usr/bin/env bash
# check.sh: every model must hold, and every mutation of it must be caught.
set -euo pipefail
models=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# faults MODEL MUTATION: prints how many errors the exhaustive search found.
faults() {
  spin -a -DMUTATION="$2" "$models/$1.pml" >/dev/null
  rm -f pan
  gcc -O2 -w -DSAFETY -o pan pan.c || exit 1
  ./pan -m100000 >out
  grep -q 'max search depth too small' out && { echo "search cut short" >&2; exit 1; }
  sed -n 's/.*errors: \([0-9]*\).*/\1/p' out
}

failed=0
for model in spsc:5 mpsc:6 telemetry:3; do
  name=${model%:*}
  for mutation in $(seq 0 "${model#*:}"); do
    n=$(faults "$name" "$mutation")
    [[ $n =~ ^[0-9]+$ ]] || { echo "spin $name, mutation $mutation: the search did not end"; exit 1; }
    if [ "$mutation" = 0 ]; then
      states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' out)
      [ "$n" = 0 ] && echo "spin $name: holds in $states states" || { echo "spin $name: $n errors"; failed=1; }
    elif [ "$n" = 0 ]; then
      echo "spin $name: mutation $mutation is not caught"; failed=1
    fi
  done
  echo "spin $name: ${model#*:} mutations tried"
done
exit $failed
