//go:build cgo

package syntax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParseBounds(t *testing.T) {
	for _, l := range Languages() {
		t.Run(l.Name(), func(t *testing.T) {
			if _, err := Parse(context.Background(), l, make([]byte, MaxBytes+1)); !errors.Is(err, ErrTooLarge) {
				t.Errorf("one byte too many: %v", err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if _, err := Parse(ctx, l, []byte("x")); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			for name, src := range map[string]string{"empty": "", "blank": " \n\n", "bom": "\uFEFF", "nul": "\x00", "bad utf-8": "\xff\xfe"} {
				f, err := Parse(context.Background(), l, []byte(src))
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if len(f.Symbols()) > 0 {
					t.Errorf("%s: symbols %v", name, f.Symbols())
				}
			}
		})
	}
}

// TestParseBoundsMemory reads sources whose trees would take gigabytes.
func TestParseBoundsMemory(t *testing.T) {
	for name, text := range map[string]string{"c": "((((", "javascript": "[1,2],", "shell": "$(", "erlang": "[1,2],", "go": "a "} {
		src := []byte(strings.Repeat(text, MaxBytes/len(text)))
		before := peakMemory(t)
		if _, err := Parse(context.Background(), ByName(name), src); !errors.Is(err, ErrTooComplex) {
			t.Errorf("%s: %v", name, err)
		}
		if grown := peakMemory(t) - before; grown > 256<<20 {
			t.Errorf("%s: %d MiB", name, grown>>20)
		}
	}
}

// peakMemory returns the largest resident set of the process so far, in bytes.
func peakMemory(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // not Linux: nothing to compare
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestDeepNesting would end the whole test binary if anything below recursed on
// the C stack.
func TestDeepNesting(t *testing.T) {
	for _, l := range Languages() {
		for _, open := range []string{"(", "[", "{", "a(", "-", "fn -> ", "if x {"} {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			f, err := Parse(ctx, l, []byte(strings.Repeat(open, 100_000)))
			cancel()
			switch {
			case err == nil:
				if len(f.Errors()) == 0 && l.Name() != "shell" && l.Name() != "erlang" {
					t.Errorf("%s %q: no errors", l.Name(), open)
				}
			case !errors.Is(err, ErrTooComplex) && !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("%s %q: %v", l.Name(), open, err)
			}
		}
	}
}

func TestDeepNestingThatIsClosed(t *testing.T) {
	const depth = 100_000
	src := "package p\n\nvar x = " + strings.Repeat("(", depth) + "1" + strings.Repeat(")", depth) + "\n\nfunc F() {}\n"
	f, err := Parse(context.Background(), ByName("go"), []byte(src))
	if errors.Is(err, ErrTooComplex) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Symbol("F"); !ok || len(f.Errors()) > 0 {
		t.Errorf("symbols %v, errors %v", f.Symbols(), f.Errors())
	}
}

func TestParseStopsWithTheContext(t *testing.T) {
	src := bytes.Repeat([]byte("func f() { a(b, c, d); }\n"), MaxBytes/50)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Parse(ctx, ByName("go"), src)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("stopped after %v", d)
	}
}

// TestParsesShareMemory reads more large sources at one time than there is memory
// for: each waits for its turn.
func TestParsesShareMemory(t *testing.T) {
	function := "func F(x int) int {\n\tif x > 1000 {\n\t\treturn add(x, 2)\n\t}\n\treturn 0\n}\n\n"
	src := []byte("package p\n\n" + strings.Repeat(function, (MaxBytes-16)/len(function)))
	before := peakMemory(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if problems, err := Check(context.Background(), ByName("go"), src); err != nil || len(problems) > 0 {
				t.Errorf("problems %v, error %v", problems, err)
			}
		})
	}
	group.Wait()
	if grown := peakMemory(t) - before; grown > 2*maxMemory {
		t.Errorf("%d MiB at one time", grown>>20)
	}
}

func TestParseConcurrently(t *testing.T) {
	src := []byte("package p\n\nfunc F() {}\n")
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 20 {
				f, err := Parse(context.Background(), ByName("go"), src)
				if err != nil || len(f.Symbols()) != 1 {
					t.Errorf("%v %v", f, err)
				}
			}
		})
	}
	group.Wait()
}

func TestCheckAgreesWithParse(t *testing.T) {
	src := []byte("package p\n\nfunc F( {}\n")
	problems, err := Check(context.Background(), ByName("go"), src)
	if err != nil || len(problems) == 0 || problems[0].Line != 3 {
		t.Errorf("%v %v", problems, err)
	}
	f := mustParse(t, "a.go", string(src))
	if len(f.Errors()) != len(problems) {
		t.Errorf("%v and %v", f.Errors(), problems)
	}
}
