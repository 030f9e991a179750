//go:build cgo

package syntax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestReplaceKeepsOtherBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOf(rapid.Byte()).Draw(t, "src")
		var edits []Edit
		var want []byte
		at := 0
		for range rapid.IntRange(0, 5).Draw(t, "edits") {
			start := rapid.IntRange(at, len(src)).Draw(t, "start")
			end := rapid.IntRange(start, len(src)).Draw(t, "end")
			text := rapid.SliceOf(rapid.Byte()).Draw(t, "new")
			edits = append(edits, Edit{start, end, text})
			want = append(append(want, src[at:start]...), text...)
			at = end
		}
		want = append(want, src[at:]...)
		before := bytes.Clone(src)
		got, err := Replace(src, edits)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if !bytes.Equal(src, before) {
			t.Fatal("the source was changed")
		}
	})
}

func TestReplaceRefusesBadEdits(t *testing.T) {
	src := []byte("0123456789")
	for name, edits := range map[string][]Edit{
		"overlap":      {{2, 5, nil}, {4, 6, nil}},
		"out of order": {{6, 7, nil}, {2, 3, nil}},
		"backwards":    {{5, 4, nil}},
		"behind":       {{9, 11, nil}},
		"before":       {{-1, 2, nil}},
	} {
		if _, err := Replace(src, edits); !errors.Is(err, ErrBadEdits) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSplice(t *testing.T) {
	for _, test := range []struct{ name, path, src, symbol, text, want string }{
		{
			"go function", "a.go",
			"package p\n\n// F does.\nfunc F() {}\n\nfunc G() {}\n", "F", "\n// F acts.\nfunc F() { g() }\n\n",
			"package p\n\n// F acts.\nfunc F() { g() }\n\nfunc G() {}\n",
		},
		{
			"comment kept where the text has none", "a.go",
			"package p\n\n// F does.\nfunc F() {}\n", "F", "func F() { g() }",
			"package p\n\n// F does.\nfunc F() { g() }\n",
		},
		{
			"line ends", "a.go",
			"package p\r\n\r\nfunc F() {\r\n}\r\n", "F", "func F() {\n\tg()\n}\n",
			"package p\r\n\r\nfunc F() {\r\n\tg()\r\n}\r\n",
		},
		{
			"no newline at the end", "a.go",
			"package p\n\nfunc F() {}", "F", "func F() { g() }\n",
			"package p\n\nfunc F() { g() }",
		},
		{
			"method that comes without indentation", "a.py",
			"class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n", "A.f",
			"def f(self):\n    x = \"\"\"\nraw\n\"\"\"\n    return x\n",
			"class A:\n    def f(self):\n        x = \"\"\"\nraw\n\"\"\"\n        return x\n\n    def g(self):\n        return 2\n",
		},
		{
			"first line without indentation, the others with", "a.ex",
			"defmodule A do\n  def f(x), do: x\nend\n", "f/1", "def f(x) do\n    x + 1\n  end",
			"defmodule A do\n  def f(x) do\n    x + 1\n  end\nend\n",
		},
		{
			"spec and doc kept, clauses replaced as one", "a.ex",
			"defmodule A do\n  @doc \"d\"\n  @spec f(any) :: any\n  def f(1), do: 1\n  def f(x), do: x\n  def g, do: 1\nend\n", "A.f/1", "  def f(x), do: x + 1",
			"defmodule A do\n  @doc \"d\"\n  @spec f(any) :: any\n  def f(x), do: x + 1\n  def g, do: 1\nend\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustParse(t, test.path, test.src)
			s, ok := f.Symbol(test.symbol)
			if !ok {
				t.Fatalf("no symbol %s in %v", test.symbol, f.Symbols())
			}
			got, err := f.Splice(context.Background(), s, test.text)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

// TestSpliceInLargeFiles changes one of hundreds of functions and compares all
// other bytes.
func TestSpliceInLargeFiles(t *testing.T) {
	var golang, elixir strings.Builder
	golang.WriteString("package big\n")
	elixir.WriteString("defmodule Big do\n  @moduledoc \"größer\"\n")
	for i := range 260 {
		fmt.Fprintf(&golang, "\n// F%[1]d adds — ü.\nfunc (t *T) F%[1]d(x int) int {\n\tif x > %[1]d {\n\t\treturn `}` + x\n\t}\n\treturn %[1]d\n}\n", i)
		fmt.Fprintf(&elixir, "\n  @doc \"F%[1]d\"\n  def f%[1]d(0), do: \"end\"\n\n  def f%[1]d(x) when x > %[1]d do\n    x\n  end\n", i)
	}
	elixir.WriteString("end\n")
	for _, test := range []struct{ path, src, symbol, text string }{
		{"big.go", golang.String(), "T.F123", "// F123 is new.\nfunc (t *T) F123(x int) int {\n\treturn x\n}"},
		{"big.ex", elixir.String(), "Big.f123/1", "  @doc \"new\"\n  def f123(x), do: x"},
	} {
		t.Run(test.path, func(t *testing.T) {
			if n := strings.Count(test.src, "\n"); n < 1500 {
				t.Fatalf("only %d lines", n)
			}
			f := mustParse(t, test.path, test.src)
			s, ok := f.Symbol(test.symbol)
			if !ok {
				t.Fatal("symbol not found")
			}
			got, err := f.Splice(context.Background(), s, test.text)
			if err != nil {
				t.Fatal(err)
			}
			want := test.src[:s.Range.Start] + strings.TrimLeft(test.text, " ") + test.src[s.Range.End:]
			if string(got) != want {
				t.Error("bytes outside of the symbol changed, or the text was not put in as it is")
			}
			if again := mustParse(t, test.path, string(got)); len(again.Symbols()) != len(f.Symbols()) || len(again.Errors()) > 0 {
				t.Errorf("%d symbols, was %d; errors %v", len(again.Symbols()), len(f.Symbols()), again.Errors())
			}
		})
	}
}
