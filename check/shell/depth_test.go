package shell

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// openings are what makes the parser call itself once more.
var openings = []string{
	"(", "((", "$(", "$((", "{ ", "if ", "while ", "until ", "\"$(", "a[", "a() ", "case x in a) ", "$[", "<(", "((-", "$((!",
	"$((a?", "$((a=", "$((2**", "for ((;;)) do ", "for a in b; do ", "${a:-", "\"${a:-", "time ", "coproc ", "select a; do ", "function f { ",
	"if a; then ", "if a; then b; else ", "[[ ! -n a && ( ", "x=$(", "`", "! ", "@(", "|", "a && ", "<<E\n", "((~", "((a?b:",
}

// TestDeepBoundsTheStack parses, for each opening, the longest script that is
// not called deep, and looks at the memory that its stack took.
func TestDeepBoundsTheStack(t *testing.T) {
	for _, unit := range openings {
		n := longest(unit)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, _ = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader([]byte(strings.Repeat(unit, n))), "")
		runtime.ReadMemStats(&after)
		if used := int64(after.StackSys) - int64(before.StackSys); used > 2*stackMax {
			t.Errorf("%q %d times: %d MiB of stack", unit, n, used>>20)
		}
	}
}

// longest returns how often unit can stand in a row in 1 MiB that is not deep.
func longest(unit string) int {
	most := (1 << 20) / len(unit)
	if c := cost([]byte(unit + unit)); c > 0 {
		most = min(most, 2*stackMax/c)
	}
	return most
}

// TestDeepTakesRealScripts: a long script of the usual kind is not called deep.
func TestDeepTakesRealScripts(t *testing.T) {
	usual := "for f in \"$@\"; do\n  if [ -f \"$f\" ]; then\n    n=$(wc -l <\"$f\")\n    total=$((total + n)) # ---- see above\n  fi\ndone\n"
	if text := []byte(strings.Repeat(usual, 300)); deep(text) {
		t.Errorf("%d KiB of a usual script are called deep", len(text)>>10)
	}
}
