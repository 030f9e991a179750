#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME, one after another.
set -euo pipefail

time=$1
found=0
while IFS=: read -r file target; do
  found=$((found + 1))
  echo "=== $target ($(dirname "$file"))"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x
done < <(git ls-files -co --exclude-standard '*_test.go' | grep -v -e '^tools/' -e '/testdata/' |
  xargs grep -oH '^func Fuzz[A-Za-z0-9]*' | sed 's/:func /:/')
echo "$found fuzz targets ran for $time each"
[ "$found" -gt 0 ]
