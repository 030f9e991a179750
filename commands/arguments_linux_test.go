package commands

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bitactor/cf/llm/llmtest"
)

// oddPaths are paths that can't be meant, or that would block whoever opens them.
func oddPaths(t *testing.T, dir string) map[string]string {
	t.Helper()
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err := errors.Join(err, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return map[string]string{
		"a FIFO": "fifo", "a socket": "socket", "a device": "/dev/zero", "a terminal": "/dev/tty", "empty": "", "NUL": "a\x00b",
		"invalid UTF-8": "a\xff", "escape": "\x1b[2J", "5,000 bytes": strings.Repeat("a", 5000), "a minus first": "-rf",
		"absent": "nowhere.go", "a minus alone": "-", "outside by dots": "../../../../../../etc/no-such-file",
	}
}

// TestOddPathsAreRefusedAtOnce: as context and as target, quoted, in under two
// seconds, with nothing written.
func TestOddPathsAreRefusedAtOnce(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.Sound())
	dir := t.TempDir()
	for name, path := range oddPaths(t, dir) {
		for _, args := range [][]string{
			{"ask", "what is this?", "@" + path},
			{"ultrathink", "a task", "--context", "@" + path},
			{"ultrathink", "a task", "--context=@" + path, "--show-prompt"},
		} {
			t.Run(name+" "+args[0], func(t *testing.T) {
				before, err := treeOf(dir)
				if err != nil {
					t.Fatal(err)
				}
				env := testEnv(t, map[string]string{"CF_HOST": s.URL})
				env.Dir = dir
				var out, errs bytes.Buffer
				env.Stdout, env.Stderr = &out, &errs
				ended := make(chan int, 1)
				go func() { ended <- run(args, env, quiet) }()
				select {
				case code := <-ended:
					if code != 64 || !strings.Contains(errs.String(), "cf: error: ") {
						t.Errorf("exit code %d, stderr %q", code, errs.String())
					}
				case <-time.After(2 * time.Second):
					t.Fatal("it waits")
				}
				if strings.ContainsAny(errs.String(), "\x00\x1b") || !utf8.ValidString(errs.String()) || errs.Len() > 1000 {
					t.Errorf("stderr of %d bytes: %q", errs.Len(), errs.String())
				}
				if after, err := treeOf(dir); err != nil || after != before {
					t.Errorf("%v; the folder changed from\n%s\nto\n%s", err, before, after)
				}
			})
		}
	}
	if s.Calls() > 0 {
		t.Errorf("the model was asked %d times", s.Calls())
	}
}

// TestOddTargetsAreRefusedBeforeTheModel: a model must not work for a file that
// can't be written.
func TestOddTargetsAreRefusedBeforeTheModel(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.Sound())
	dir := t.TempDir()
	paths := oddPaths(t, dir)
	delete(paths, "empty") // no target
	for _, fine := range []string{"a minus first", "a minus alone", "absent", "escape", "invalid UTF-8", "outside by dots"} {
		delete(paths, fine) // names that a file may have
	}
	for name, path := range paths {
		env := testEnv(t, map[string]string{"CF_HOST": s.URL})
		env.Dir = dir
		if code, out, errs := try(env, quiet, "ultrathink", "a task", "--out="+path); code != 64 || out != "" || strings.ContainsAny(errs, "\x00\x1b") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, code, out, errs)
		}
	}
	if s.Calls() > 0 {
		t.Errorf("the model was asked %d times", s.Calls())
	}
}

// TestADeadHostBlocksNobody: a host that takes the connection and never answers
// costs at most two seconds more than one that refuses it.
func TestADeadHostBlocksNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, args := range [][]string{{"status"}, {"ask", "what is this?"}} {
		begin := time.Now()
		refusing := testEnv(t, map[string]string{"CF_HOST": "127.0.0.1:1", "PATH": "/nowhere", "HOME": t.TempDir()})
		if code, _, errs := try(refusing, quiet, args...); code != 10 {
			t.Errorf("%v on a closed port: exit code %d, stderr %q", args, code, errs)
		}
		limit := time.Since(begin) + 2*time.Second
		env := testEnv(t, map[string]string{"CF_HOST": l.Addr().String(), "PATH": "/nowhere", "HOME": t.TempDir()})
		begin = time.Now()
		code, _, errs := try(env, quiet, args...)
		if took := time.Since(begin); code != 10 || took > limit || !strings.Contains(errs, l.Addr().String()) || !strings.Contains(errs, "cf: hint: ") {
			t.Errorf("%v: exit code %d after %s, stderr %q", args, code, took, errs)
		}
	}
}

// TestNoHomeAndNoRights: without a home, or with one that can't be written, the
// verbs that ask a model still do.
func TestNoHomeAndNoRights(t *testing.T) {
	s := llmtest.NewFaultServer(t, llmtest.Sound())
	// In /proc not even root can make a file.
	for name, vars := range map[string]map[string]string{"none": {}, "not to be written": {"HOME": "/proc"}, "absent": {"HOME": filepath.Join(t.TempDir(), "absent")}} {
		vars["CF_HOST"] = s.URL
		for _, args := range [][]string{{"ask", "what is this?"}, {"ultrathink", "a task", "--dry-run"}, {"status"}, {"session", "list"}, {"prompt", "list"}} {
			env := testEnv(t, vars)
			if code, out, errs := try(env, quiet, args...); code != 0 || out == "" {
				t.Errorf("home %s, %v: exit code %d, stderr %q", name, args, code, errs)
			}
		}
	}
}

// FuzzParseArguments wants, of any argument in any place: no panic, no raw
// control character on standard error, and nothing but the exit event on
// standard output unless it went well. No server answers.
func FuzzParseArguments(f *testing.F) {
	for _, s := range []string{"", "-", "--", "-x", "--json", "--no-such", "a b", "\x00", "\xff", "\x1b]0;x\a", "@", "@@", "@-", "../..", "--context=", strings.Repeat("a", 5000)} {
		f.Add(s)
	}
	home := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		for _, args := range [][]string{
			{s},
			{"ask", s},
			{"ask", "--", s},
			{"ask", "q", s},
			{"ask", "q", "--context", s},
			{"ultrathink", "q", "--session", s, "--no-tui"},
			{"session", "show", "--", s},
			{"config", "get", "--", s},
			{"prompt", "show", "--", s},
			{"help", s},
			{"completion", "--", s},
		} {
			env := testEnv(t, map[string]string{"CF_HOST": "127.0.0.1:1", "HOME": home})
			env.Dir = home
			code, out, errs := try(env, quiet, args...)
			if code != 0 && code != 1 && code != 10 && code != 64 {
				t.Errorf("%q: exit code %d, stderr %q", args, code, errs)
			}
			if strings.ContainsAny(errs, "\x00\x1b\x07\u009b") || code == 64 && out != "" && !strings.Contains(out, `"type":"exit"`) {
				t.Errorf("%q: stdout %q, stderr %q", args, out, errs)
			}
		}
	})
}
