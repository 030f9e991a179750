package commands

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bitactor/cf/llm/llmtest"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

const scriptDir = "../testdata/script"

// TestMain lets scripts run this test binary as cf, so that coverage counts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cf":      func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"stuckcf": stuckMain,
	})
}

// stuckMain is cf with a verb that does not heed the first signal.
func stuckMain() {
	verbs = append(verbs, struct {
		group string
		make  func(*App) *cobra.Command
	}{"other", func(*App) *cobra.Command {
		return &cobra.Command{Use: "stuck", Short: "stuck", RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(os.Stderr, "works")
			<-cmd.Context().Done()
			fmt.Fprintln(os.Stderr, "cleans up")
			select {}
		}}
	}})
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// TestScripts runs every script of testdata/script. They have, beyond
// testscript's own commands:
//
//	code N cf ARG...   runs cf and wants exit code N; N > 0 wants "cf: error:" and, for 64, no output
//	json N cf ARG...   the same with --json: valid JSON lines, the last one the exit event with code N
//	modelserver [FAULT] starts a fault server of llmtest (none: a sound one) and sets OLLAMA_HOST and URL
//	replies FILE...    starts a sound fault server that answers with the files in turn, the last one from then on;
//	                   a file that begins with a line "when: TEXT" answers only prompts that hold TEXT
//	requests FILE      writes what the fault server was asked in chats, one body a line
//	realserver         sets OLLAMA_HOST to the real server, or skips the script
//	[env:NAME]         holds where the variable is set for the tests
//	$SHARED            a cache folder (XDG_CACHE_HOME) that is kept, for scripts that run compilers
//	$BIN               the folder that holds cf alone, for a PATH of one's own
//	sametree DIR       wants DIR as it was when sametree was last called with it
func TestScripts(t *testing.T) {
	var mu sync.Mutex
	ran := map[string]bool{}
	params := testscript.Params{
		Dir:                 scriptDir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition: func(cond string) (bool, error) {
			if name, ok := strings.CutPrefix(cond, "env:"); ok {
				return os.Getenv(name) != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			mu.Lock()
			ran[strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")] = true
			mu.Unlock()
			return setupScript(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "json": cmdJSON, "modelserver": cmdModelServer, "realserver": cmdRealServer, "sametree": cmdSameTree,
			"requests": cmdRequests, "replies": cmdReplies,
		},
	}
	t.Run("run", func(t *testing.T) { testscript.Run(t, params) })
	if f := flag.Lookup("test.run"); f != nil && strings.Contains(f.Value.String(), "/") {
		return // one script was asked for
	}
	files, err := os.ReadDir(scriptDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name, isScript := strings.CutSuffix(f.Name(), ".txtar")
		if !isScript || f.IsDir() {
			t.Errorf("%s/%s is not a script: name it VERB-CASE.txtar", scriptDir, f.Name())
		} else if !ran[name] {
			t.Errorf("%s was not run", f.Name())
		}
	}
}

type scriptKey string

func setupScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	bin, _, _ := strings.Cut(env.Getenv("PATH"), string(filepath.ListSeparator))
	env.Setenv("BIN", bin) // holds cf alone
	if cache, err := os.UserCacheDir(); err == nil {
		env.Setenv("SHARED", filepath.Join(cache, "cf-test", "checks")) // compilers' caches, kept between runs
	}
	env.Setenv("OLLAMA_HOST", "127.0.0.1:1")  // nothing listens: no script meets the developer's own server
	env.Setenv("GORACE", "atexit_sleep_ms=0") // each cf of a script would wait a second at its end
	env.Values[scriptKey("tb")] = env.T()
	env.Values[scriptKey("trees")] = map[string]string{}
	env.Values[scriptKey("server")] = &scriptServer{}
	return nil
}

// runCode runs a command and wants exit code args[0].
func runCode(ts *testscript.TestScript, neg bool, args []string) int {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
	return want
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want := runCode(ts, neg, args)
	if want != 0 && !strings.Contains(ts.ReadFile("stderr"), "cf: error: ") {
		ts.Fatalf("no error line on stderr: %q", ts.ReadFile("stderr"))
	}
	if want == 64 && ts.ReadFile("stdout") != "" {
		ts.Fatalf("a wrong command line wrote to stdout: %q", ts.ReadFile("stdout"))
	}
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 2 {
		args = slices.Insert(slices.Clone(args), 2, "--json")
	}
	want := runCode(ts, neg, args)
	if err := checkLines([]byte(ts.ReadFile("stdout")), want); err != nil {
		ts.Fatalf("%v\nstdout: %s", err, ts.ReadFile("stdout"))
	}
}

// checkLines wants JSON lines after the schema without a raw control character, of which the
// last and only the last is the exit event with that code.
func checkLines(out []byte, code int) error {
	if !bytes.HasSuffix(out, []byte("\n")) {
		return errors.New("stdout does not end with a line feed")
	}
	lines := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	for i, line := range lines {
		var e struct {
			Type string
			Code *int
			Kind string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if err := checkSchema(line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if bytes.ContainsFunc(line, func(r rune) bool { return r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			return fmt.Errorf("line %d holds a raw control character", i+1)
		}
		if last := i == len(lines)-1; last != (e.Type == "exit") || e.Type == "" {
			return fmt.Errorf("line %d of %d has type %q", i+1, len(lines), e.Type)
		}
		if e.Type == "exit" && (e.Code == nil || *e.Code != code || e.Kind == "") {
			return fmt.Errorf("exit event %s, want code %d", line, code)
		}
	}
	return nil
}

func cmdModelServer(ts *testscript.TestScript, neg bool, args []string) {
	f := llmtest.Sound()
	if len(args) == 1 {
		f = llmtest.FaultNamed(args[0])
	}
	serveFault(ts, f)
}

func cmdReplies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: replies FILE...")
	}
	list := make([]llmtest.Answer, len(args))
	for i, name := range args {
		list[i] = answerOf(ts.ReadFile(name))
	}
	serveFault(ts, llmtest.Answers(list...))
}

// answerOf reads a file of a reply.
func answerOf(text string) llmtest.Answer {
	text = strings.TrimSuffix(text, "\n")
	if rest, ok := strings.CutPrefix(text, "when: "); ok {
		when, rest, _ := strings.Cut(rest, "\n")
		return llmtest.Answer{When: when, Text: rest}
	}
	return llmtest.Answer{Text: text}
}

func serveFault(ts *testscript.TestScript, f llmtest.Fault) {
	s := llmtest.NewFaultServer(tbOf(ts), f)
	ts.Value(scriptKey("server")).(*scriptServer).FaultServer = s
	ts.Setenv("OLLAMA_HOST", s.URL)
	ts.Setenv("URL", s.URL)
}

// scriptServer is the script's latest fault server.
type scriptServer struct{ *llmtest.FaultServer }

func cmdRequests(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(scriptKey("server")).(*scriptServer).FaultServer
	if len(args) != 1 || s == nil {
		ts.Fatalf("usage: requests FILE, after modelserver")
	}
	var b bytes.Buffer
	for _, r := range s.Requests() {
		if r.Path == "/api/chat" {
			b.Write(append(bytes.TrimSpace(r.Body), '\n'))
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func cmdRealServer(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("OLLAMA_HOST", llmtest.RealServer(tbOf(ts)))
}

func tbOf(ts *testscript.TestScript) testing.TB {
	return ts.Value(scriptKey("tb")).(testing.TB)
}

func cmdSameTree(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: sametree DIR")
	}
	trees := ts.Value(scriptKey("trees")).(map[string]string)
	now, err := treeOf(ts.MkAbs(args[0]))
	ts.Check(err)
	before, known := trees[args[0]]
	trees[args[0]] = now
	if known && (before != now) != neg {
		ts.Fatalf("%s changed: %v\nbefore:\n%s\nnow:\n%s", args[0], before != now, before, now)
	}
}

// treeOf writes a tree with every name, mode and byte as text.
func treeOf(root string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s", strings.TrimPrefix(path, root), info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d bytes, %x", len(data), sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

// TestEveryVerbHasScripts wants, for every verb that help shows, scripts that
// use it well, wrongly, and with --json.
func TestEveryVerbHasScripts(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(scriptDir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range newRoot(testApp(t)).Commands() {
		if cmd.Hidden || !cmd.IsAvailableCommand() {
			continue
		}
		var text strings.Builder
		for _, name := range names {
			base := strings.TrimSuffix(filepath.Base(name), ".txtar")
			if base == cmd.Name() || strings.HasPrefix(base, cmd.Name()+"-") {
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				text.Write(data)
			}
		}
		use := "cf " + cmd.Name()
		for _, want := range []string{"code 0 " + use, "code 64 " + use, "json 0 " + use, "json 64 " + use} {
			if !slices.ContainsFunc(strings.Split(text.String(), "\n"), func(l string) bool { return strings.HasPrefix(l, want) }) {
				t.Errorf("no script %s-*.txtar has a line %q", cmd.Name(), want+" ...")
			}
		}
	}
}
