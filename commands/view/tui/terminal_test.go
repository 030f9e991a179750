package tui

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

func TestAnswerFilter(t *testing.T) {
	for _, c := range []struct {
		name  string
		reads []string
		want  string
		dark  []bool
	}{
		{"keys only", []string{"abc", "\x1b[A"}, "abc\x1b[A", nil},
		{"dark, BEL", []string{"\x1b]11;rgb:1e1e/1e1e/2e2e\x07"}, "", []bool{true}},
		{"light, ST", []string{"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"}, "", []bool{false}},
		{"short digits, alpha", []string{"\x1b]11;rgba:ff/ff/ff/80\x07"}, "", []bool{false}},
		{"among keys", []string{"a\x1b]11;rgb:0/0/0\x07b"}, "ab", []bool{true}},
		{"in pieces", []string{"a\x1b]", "11;rgb:0000/0000/", "0000\x1b\\b"}, "ab", []bool{true}},
		{"late", []string{"a", "b", "\x1b]11;rgb:0/0/0\x07", "c"}, "abc", []bool{true}},
		{"no colour", []string{"\x1b]11;nonsense\x07x"}, "x", nil},
		{"a lone escape is a key", []string{"\x1b", "x"}, "\x1bx", nil},
		{"no answer, then a full read", []string{"\x1b]", strings.Repeat("z", 300)}, "\x1b]" + strings.Repeat("z", 300), nil},
		{"never ends", []string{"\x1b]11;" + strings.Repeat("y", 100), "z"}, "\x1b]11;" + strings.Repeat("y", 100) + "z", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dark []bool
			var in []io.Reader
			for _, r := range c.reads {
				in = append(in, strings.NewReader(r))
			}
			f := &answerFilter{Reader: io.MultiReader(in...), tell: func(d bool) { dark = append(dark, d) }}
			var got bytes.Buffer
			buf := make([]byte, 256) // as bubbletea reads
			for {
				n, err := f.Read(buf)
				got.Write(buf[:n])
				if errors.Is(err, io.EOF) {
					break
				}
			}
			if got.String() != c.want {
				t.Errorf("passed on %q, want %q", got.String(), c.want)
			}
			if diff := cmp.Diff(c.dark, dark); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzFilterAnswer: no byte is lost or made up but a whole answer, however the
// input is cut.
func FuzzFilterAnswer(f *testing.F) {
	f.Add([]byte("abc\x1b]11;rgb:0/0/0\x07def"), false)
	f.Add([]byte("\x1b]1\x1b]\x1b]11;\x1b\\"), true)
	f.Fuzz(func(t *testing.T, data []byte, single bool) {
		var r io.Reader = bytes.NewReader(data)
		if single {
			r = iotest.OneByteReader(r)
		}
		filter := &answerFilter{Reader: r, tell: func(bool) {}}
		var got []byte
		buf := make([]byte, 256)
		for {
			n, err := filter.Read(buf)
			got = append(got, buf[:n]...)
			if err != nil {
				break
			}
		}
		got = append(got, filter.held...)
		if filter.done.Load() || len(got) == len(data) {
			if !filter.done.Load() && !bytes.Equal(got, data) {
				t.Errorf("%q became %q", data, got)
			}
			return
		}
		t.Errorf("%q became %q without an answer", data, got)
	})
}

func TestDarkGuess(t *testing.T) {
	for v, want := range map[string]bool{"": true, "15;0": true, "0;15": false, "0;default;7": false, "x": true, "15;8": true} {
		if got := darkGuess(func(string) string { return v }); got != want {
			t.Errorf("darkGuess(%q) = %v", v, got)
		}
	}
}

// TestNothingIsWrittenBeforeRun starts this test binary, which links bubbletea
// through this package, on a terminal that answers nothing.
func TestNothingIsWrittenBeforeRun(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), driver+"=version", "TERM=xterm-256color", "COLORFGBG=", "CI=") // with CI set it never asks
	begin := time.Now()
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	out, err := io.ReadAll(terminal)
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := strings.TrimSpace(string(out)); got != "cf version" {
		t.Errorf("the terminal got %q", out)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("start took %s", took)
	}
}
