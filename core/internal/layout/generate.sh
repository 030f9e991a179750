#!/bin/sh
# generate.sh: prints layout_gen.go from the C header; run in the folder core.
set -eu
program=$(mktemp)
trap 'rm -f "$program"' EXIT
${CC:-cc} -std=c11 -Wall -Wextra -Werror -Iinclude internal/layout/layout.c -o "$program"
"$program" | gofmt
