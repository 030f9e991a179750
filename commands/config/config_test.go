package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// broken are files that must be refused with a place.
var broken = []struct {
	name  string
	scope Scope
	text  string
}{
	{"no value", User, "model =\n"},
	{"two equals", User, "seed = 1\nmodel = = 'x'\n"},
	{"open string", User, "model = \"x\nseed = 1\n"},
	{"twice", User, "seed = 1\nseed = 2\n"},
	{"wrong type: string for number", User, "# note\n\ntemperature = \"warm\"\n"},
	{"wrong type: number for string", User, "model = 3\n"},
	{"wrong type: float for integer", User, "seed = 1.5\n"},
	{"wrong type: array", User, "model = ['a']\n"},
	{"wrong type: date", User, "model = 2026-01-01\n"},
	{"integer too large", User, "seed = 99999999999999999999\n"},
	{"out of range", User, "\n\n  temperature = 2.5\n"},
	{"not a number", User, "temperature = nan\n"},
	{"not finite", User, "temperature = inf\n"},
	{"negative", User, "seed = -1\n"},
	{"not a choice", User, "provider = 'azure'\n"},
	{"bad host", User, "host = 'ftp://x'\n"},
	{"unknown", User, "temprature = 1.0\n"},
	{"unknown, nothing near", User, "zzzzzzzzzz = 1.0\n"},
	{"table", User, "[model]\nname = 'x'\n"},
	{"dotted", User, "model.name = 'x'\n"},
	{"inline table", User, "model = {name = 'x'}\n"},
	{"control character", User, "model = 'a\x1b[2J'\n"},
	{"invalid UTF-8", User, "model = '\xff'\n"},
	{"NUL", User, "\x00"},
	{"repo: host", Repo, "seed = 1\nhost = 'http://evil.example'\n"},
	{"repo: spelt in capitals", Repo, "HOST = 'http://evil.example'\n"},
	{"repo: quoted", Repo, "\"ho\\u0073t\" = 'http://evil.example'\n"},
	{"repo: dotted", Repo, "host.x = 'http://evil.example'\n"},
	{"check: unknown key", User, "[check.tsc]\nrun = ['npx']\nfiels = ['*.ts']\n"},
	{"check: no command", User, "seed = 1\n\n[check.tsc]\nfiles = ['*.ts']\n"},
	{"check: empty command", User, "[check.tsc]\nrun = []\nfiles = ['*.ts']\n"},
	{"check: no program", User, "[check.tsc]\nrun = ['', 'x']\nfiles = ['*.ts']\n"},
	{"check: a shell's line", User, "[check.tsc]\nfiles = ['*.ts']\nrun = 'npx tsc'\n"},
	{"check: numbers", User, "[check.tsc]\nfiles = ['*.ts']\nrun = ['npx', 1]\n"},
	{"check: no files", User, "[check.tsc]\nrun = ['npx']\n"},
	{"check: bad pattern", User, "[check.tsc]\nrun = ['npx']\nfiles = ['[']\n"},
	{"check: bad kind", User, "[check.tsc]\nrun = ['npx']\nfiles = ['*.ts']\n  kind = 'lint'\n"},
	{"check: bad name", User, "[check.\"../x\"]\nrun = ['npx']\nfiles = ['*.ts']\n"},
	{"check: name in capitals", User, "seed = 1\n[check.TSC]\nrun = ['npx']\nfiles = ['*.ts']\n"},
	{"check: NUL", User, "[check.tsc]\nrun = [\"a\\u0000b\"]\nfiles = ['*.ts']\n"},
	{"check: no name", User, "[check]\nrun = ['npx']\n"},
	{"check: not a table", User, "check = 3\n"},
	{"check: array of tables", User, "[[check]]\nrun = ['npx']\n"},
	{"check: twice", User, "[check.a]\nrun = ['x']\nfiles = ['*']\n[check.a]\nrun = ['y']\n"},
	{"check: dotted", User, "check.tsc.run = 'x'\n"},
	{"repo: a check with a host", Repo, "[check.x]\nrun = ['a']\nfiles = ['*']\nhost = 'http://evil.example'\n"},
	{"repo: a host behind a check", Repo, "[check.x]\nrun = ['a']\nfiles = ['*']\n[host]\nx = 1\n"},
	{"repo: in a table", Repo, "[x]\nhost = 'http://evil.example'\n"},
}

func TestBrokenFilesAreNamedWithTheirPlace(t *testing.T) {
	var got bytes.Buffer
	for _, b := range broken {
		_, err := Parse("cf.toml", []byte(b.text), b.scope)
		if err == nil {
			t.Errorf("%s: accepted", b.name)
			continue
		}
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: kind %s", b.name, fault.KindOf(err))
		}
		if strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("%s: more than a line: %q", b.name, err)
		}
		fmt.Fprintf(&got, "%s\n  %s [%s] %q\n", b.name, strings.ToValidUTF8(err.Error(), "?"), fault.CodeOf(err), fault.HintsOf(err))
	}
	golden := filepath.Join("testdata", "broken.golden")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%v; got\n%s\nwant\n%s", err, got.Bytes(), want)
	}
}

// TestNoHarmfulKeyInARepository pins which keys a repository may set.
func TestNoHarmfulKeyInARepository(t *testing.T) {
	harmless := map[string]bool{"context_max": true, "max_tokens": true, "temperature": true, "seed": true, "think": true, "think_tokens": true}
	for _, k := range Keys() {
		_, err := Parse("r", []byte(k.Name+" = "+example(k)), Repo)
		if (err == nil) != harmless[k.Name] {
			t.Errorf("%s in a repository's file: %v", k.Name, err)
		}
		if !harmless[k.Name] && fault.CodeOf(err) != CodeKey {
			t.Errorf("%s: code %s", k.Name, fault.CodeOf(err))
		}
		if _, err := Parse("u", []byte(k.Name+" = "+example(k)), User); err != nil {
			t.Errorf("%s in the user's file: %v", k.Name, err)
		}
	}
}

// example is a legal value of k in TOML.
func example(k Key) string {
	switch {
	case len(k.Choices) > 0:
		return quote(k.Choices[len(k.Choices)-1])
	case k.Kind == Text:
		return `"x"`
	case k.Kind == Bool:
		return "true"
	case k.Kind == Number:
		return "1.0"
	}
	return fmt.Sprint(int(max(k.Min, 2)))
}

func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	user, repo := filepath.Join(dir, "user.toml"), filepath.Join(dir, RepoFile)
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	env, flags := map[string]string{}, map[string]string{}
	load := func() *Config {
		t.Helper()
		c, err := Load(Sources{
			UserFile: user, RepoRoot: dir,
			Getenv: func(n string) string { return env[n] },
			Flag:   func(n string) (string, bool) { v, ok := flags[n]; return v, ok },
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	steps := []struct {
		add  func()
		want float64
		from Origin
	}{
		{func() {}, 0, Origin{FromDefault, ""}},
		{func() { write(repo, "\ntemperature = 0.1") }, 0.1, Origin{FromRepo, repo + ":2:1"}},
		{func() { write(user, "temperature = 0.2") }, 0.2, Origin{FromUser, user + ":1:1"}},
		{func() { env["CF_TEMPERATURE"] = "0.3" }, 0.3, Origin{FromEnv, "CF_TEMPERATURE"}},
		{func() { flags["temperature"] = "0.4" }, 0.4, Origin{FromFlag, "--temperature"}},
	}
	for _, s := range steps {
		s.add()
		c := load()
		if c.Temperature != s.want || c.Origin("temperature") != s.from {
			t.Errorf("temperature %v from %v, want %v from %v", c.Temperature, c.Origin("temperature"), s.want, s.from)
		}
	}
	env["OLLAMA_HOST"] = "other:1"
	if c := load(); c.Host != "http://other:1" {
		t.Errorf("host %q", c.Host)
	}
	env["CF_HOST"] = "mine:2"
	if c := load(); c.Host != "http://mine:2" {
		t.Errorf("host %q", c.Host)
	}
	env["CF_HOST"] = ""
	write(user, "provider = 'openai'\nhost = 'http://h:1/v1'")
	if c := load(); c.Host != "http://h:1/v1" {
		t.Errorf("OLLAMA_HOST named the server of another protocol: %q", c.Host)
	}
}

func TestBigAndOddFiles(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("#"), MaxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{UserFile: big}); fault.CodeOf(err) != CodeSize || !strings.Contains(err.Error(), "big.toml:1:1") {
		t.Errorf("%v", err)
	}
	if _, err := Load(Sources{UserFile: dir}); fault.CodeOf(err) != CodeFile {
		t.Errorf("%v", err)
	}
	if err := os.Truncate(big, MaxFileBytes); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Sources{UserFile: big}); err != nil {
		t.Errorf("a file of just the size: %v", err)
	}
	if err := os.WriteFile(big, []byte("seed = 3\r\nmodel = 'x'\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(Sources{UserFile: big}); err != nil || c.Model != "x" {
		t.Errorf("CRLF: %v", err)
	}
}

func TestHosts(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1": "http://127.0.0.1:11434", "localhost:8080": "http://localhost:8080", ":8080": "http://127.0.0.1:8080",
		"http://box": "http://box:80", "https://box": "https://box:443", "https://box:1/a/b/": "https://box:1/a/b",
		"0.0.0.0": "http://127.0.0.1:11434", "[::]:5": "http://[::1]:5", "::1": "http://[::1]:11434", "[::1]": "http://[::1]:11434",
		" box ": "http://box:11434",
	} {
		if got, err := NormaliseHost(in); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"ftp://x", "http://u:p@box", "box:0", "box:99999", "box:x", "a b", "http://x?q=1", "http://x#f", "\x1b", "a:b:c"} {
		if got, err := NormaliseHost(in); err == nil {
			t.Errorf("%q: accepted as %q", in, got)
		}
	}
}

func TestSetKeepsEveryOtherByte(t *testing.T) {
	const text = "# head\r\nmodel = 'a' # why\n\n  seed   =   7\nthink = true"
	for _, tt := range []struct{ key, value, want string }{
		{"model", "qwen3:8b", "# head\r\nmodel = \"qwen3:8b\" # why\n\n  seed   =   7\nthink = true"},
		{"model", "a\"\\\n\x7f", "# head\r\nmodel = \"a\\\"\\\\\\u000a\\u007f\" # why\n\n  seed   =   7\nthink = true"},
		{"seed", "8", "# head\r\nmodel = 'a' # why\n\n  seed   =   8\nthink = true"},
		{"think", "false", "# head\r\nmodel = 'a' # why\n\n  seed   =   7\nthink = false"},
		{"temperature", "1", text + "\ntemperature = 1.0\n"},
		{"temperature", "1e-7", text + "\ntemperature = 0.0000001\n"},
	} {
		got, err := Set("f", []byte(text), tt.key, tt.value)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s = %q: %v\n%q, want\n%q", tt.key, tt.value, err, got, tt.want)
		}
	}
}

// TestSetBeforeTables: a key that is new goes before the first table, whose it
// would be otherwise.
func TestSetBeforeTables(t *testing.T) {
	const table = "# about it\n[check.tsc] # mine\nrun = ['npx', 'tsc']\nfiles = ['*.ts']\n"
	for _, tt := range []struct{ text, want string }{
		{table, "# about it\nseed = 5\n[check.tsc] # mine\nrun = ['npx', 'tsc']\nfiles = ['*.ts']\n"},
		{"model = 'x'\n  [ check . tsc ]\nrun = ['a']\nfiles = ['b']", "model = 'x'\nseed = 5\n  [ check . tsc ]\nrun = ['a']\nfiles = ['b']"},
	} {
		if got, err := Set("f", []byte(tt.text), "seed", "5"); err != nil || string(got) != tt.want {
			t.Errorf("%v\n%q, want\n%q", err, got, tt.want)
		}
	}
}

func TestChecks(t *testing.T) {
	text := "seed = 1\n[check.tsc]\nrun = ['npx', 'tsc', '--noEmit']\nfiles = ['*.ts', 'web/*.tsx']\n\n[check.ada]\nrun = ['gnatmake']\nfiles = ['*.adb']\nkind = 'tests'\n"
	want := []Check{
		{"ada", []string{"gnatmake"}, []string{"*.adb"}, "tests", "f:6:2"},
		{"tsc", []string{"npx", "tsc", "--noEmit"}, []string{"*.ts", "web/*.tsx"}, "check", "f:2:2"},
	}
	for _, scope := range []Scope{User, Repo} {
		got, err := Parse("f", []byte(text), scope)
		if err != nil || !reflect.DeepEqual(got.Checks, want) || len(got.Settings) != 1 {
			t.Errorf("%s: %+v, %v", scope, got, err)
		}
	}
	many := ""
	for i := range ChecksMax + 1 {
		many += fmt.Sprintf("[check.c%d]\nrun = ['x']\nfiles = ['*']\n", i)
	}
	if _, err := Parse("f", []byte(many), User); fault.CodeOf(err) != CodeValue {
		t.Errorf("%d checks: %v", ChecksMax+1, err)
	}
}

// TestChecksOfARepositoryStayApart: no file of a repository adds to the checks
// that run unasked, and any change of the file changes its hash.
func TestChecksOfARepositoryStayApart(t *testing.T) {
	dir := t.TempDir()
	user, repo := filepath.Join(dir, "user.toml"), filepath.Join(dir, RepoFile)
	const table = "[check.%s]\nrun = ['%s']\nfiles = ['*']\n"
	hashes := map[string]bool{}
	for i, text := range []string{fmt.Sprintf(table, "a", "x"), fmt.Sprintf(table, "a", "x") + "#", fmt.Sprintf(table, "mine", "y")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(repo), 0o700), os.WriteFile(repo, []byte(text), 0o600),
			os.WriteFile(user, []byte(fmt.Sprintf(table, "mine", "z")), 0o600)); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Sources{UserFile: user, RepoRoot: dir})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Checks) != 1 || c.Checks[0].Run[0] != "z" || len(c.Repo.Checks) != 1 || c.Repo.File != repo {
			t.Errorf("%+v, %+v", c.Checks, c.Repo)
		}
		if hashes[c.Repo.Hash] = true; len(hashes) != i+1 {
			t.Errorf("the hash of %q is that of another file", text)
		}
	}
}

func TestEditIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.toml"), filepath.Join(dir, "config.toml")
	if err := errors.Join(os.WriteFile(real, []byte("seed = 1\n"), 0o600), os.Symlink("real.toml", link)); err != nil {
		t.Fatal(err)
	}
	if err := Edit(link, "seed", "2", true); err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(real); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	expect("seed = 1\n")
	if err := Edit(link, "seed", "2", false); err != nil {
		t.Fatal(err)
	}
	expect("seed = 2\n")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the symbolic link was replaced")
	}
	if err := Edit(link, "seed", "-5", false); err == nil {
		t.Error("a bad value was written")
	}
	expect("seed = 2\n")
	if names, _ := filepath.Glob(filepath.Join(dir, ".config-*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
}

func TestDefaultsAreLegal(t *testing.T) {
	c := Defaults()
	for _, k := range Keys() {
		if v := c.Value(k.Name); v == nil || c.Origin(k.Name).Source != FromDefault {
			t.Errorf("%s: %v, %v", k.Name, v, c.Origin(k.Name))
		}
		if k.Doc == "" || k.Scope == "" {
			t.Errorf("%s: not documented", k.Name)
		}
	}
	if _, err := (Key{Name: "x", Kind: Number, Max: 2}).Parse("nan"); err == nil || !math.IsNaN(math.NaN()) {
		t.Error("NaN accepted")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"model", "seed", "temperature", "think"}
	for in, want := range map[string]string{"modle": "model", "sed": "seed", "temprature": "temperature", "x": "", "zzzz": "", "": ""} {
		if got := Nearest(in, names); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzParseConfig wants, of any bytes: no panic, an error with a place or legal
// values, nothing harmful from a repository, and that Set reads back what it set.
func FuzzParseConfig(f *testing.F) {
	for _, b := range broken {
		f.Add([]byte(b.text))
	}
	f.Add([]byte("seed = 1\n# x\n[check.tsc]\nrun = ['npx', 'tsc']\nfiles = ['*.ts']\nkind = 'tests'\n"))
	f.Add([]byte("# c\nmodel = 'x' # y\nseed = 0x10\ntemperature = 1\nthink = true\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, scope := range []Scope{User, Repo} {
			read, err := Parse("f", data, scope)
			if err != nil {
				if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "f") {
					t.Fatalf("%v", err)
				}
				continue
			}
			for _, c := range read.Checks {
				if key, why := c.wrong(); why != "" {
					t.Fatalf("%+v: %s: %s", c, key, why)
				}
			}
			for _, s := range read.Settings {
				if scope == Repo && s.Key.Scope != Repo {
					t.Fatalf("a repository set %s", s.Key.Name)
				}
				if _, err := s.Key.check(s.Value); err != nil {
					t.Fatalf("%v", err)
				}
			}
		}
		out, err := Set("f", data, "model", "a\"b")
		if err != nil {
			return
		}
		read, err := Parse("f", out, User)
		if err != nil {
			t.Fatalf("set broke the file: %v\n%q", err, out)
		}
		for _, s := range read.Settings {
			if s.Key.Name == "model" && s.Value != "a\"b" {
				t.Fatalf("set %q", s.Value)
			}
		}
	})
}
