#!/usr/bin/env bash
# coverage.sh FOLDER LABEL: lists the lines and branches of the core that the run
# in FOLDER did not take; fails if there is one.
set -euo pipefail
cd "$1"
gcov --branch-probabilities --json-format --stdout ./*.gcda >report.json
python3 - "$2" <<'PY'
import json, os, sys
seen = {}  # (file, line) -> how often it ran; (file, line, n) -> its nth branch
for text in open("report.json"):
    for file in json.loads(text)["files"]:
        name = os.path.normpath(file["file"])
        if "ctest" in name or "/usr/" in name:
            continue
        for line in file["lines"]:
            at = (name, line["line_number"])
            seen[at] = seen.get(at, 0) + line["count"]
            for n, branch in enumerate(line["branches"]):
                seen[at + (n,)] = seen.get(at + (n,), 0) + branch["count"]
lines = sum(len(at) == 2 for at in seen)
branches = len(seen) - lines
missed = [f"{at[0]}:{at[1]}: " + ("not run" if len(at) == 2 else "a branch not taken")
          for at, count in seen.items() if count == 0]
print(f"coverage {sys.argv[1]}: {lines} lines, {branches} branches, {len(missed)} not covered")
print("".join(line + "\n" for line in sorted(set(missed))), end="")
sys.exit(bool(missed) or branches == 0)
PY
