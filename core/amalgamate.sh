#!/usr/bin/env bash
# amalgamate.sh FOLDER: writes bitactor.h and bitactor.c there, the whole core as
# one header and one source.
set -euo pipefail
core=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$core"

# inline FILE: prints a file with our includes replaced by their text, each once;
# signal.def is read twice on purpose.
inline() {
  awk -v root=include/ '
    function emit(file,    line, name, n) {
      n = 0
      while ((getline line < file) > 0) {
        if (match(line, /^#include "[^"]+"/)) {
          name = line
          gsub(/^#include "|".*$/, "", name)
          sub(/^.*\//, "", name)
          name = (name ~ /^(bitactor\.h|signal\.def)$/) ? root name : root "bitactor/" name
          if (name ~ /\.def$/) { close(name); emit(name); close(name) }
          else if (!(name in seen)) { seen[name] = 1; emit(name) }
        } else print line
        n++
      }
      if (n == 0) { print "amalgamate.sh: " file " is missing or empty" > "/dev/stderr"; exit 1 }
    }
    BEGIN { emit(ARGV[1]); exit }' "$1"
}

inline include/bitactor.h >"$out/bitactor.h"
{
  echo '/* bitactor.c: the BitActor core in one file; see bitactor.h. */'
  echo '#include "bitactor.h"'
  for file in ring.c telemetry.c pool.c trace.c context.c dispatch.c; do
    echo
    grep -v '^#include "bitactor' "$file"
  done
} >"$out/bitactor.c"
