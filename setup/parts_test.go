package setup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
)

func TestChooseModel(t *testing.T) {
	const gib = 1 << 30
	models := []llm.Model{
		{Name: "all-minilm:latest", Bytes: 1e8},
		{Name: "nomic-embed-text", Bytes: 3e8},
		{Name: "only-embeds", Bytes: 3e9, Capabilities: []string{"embedding"}},
		{Name: "gpt-oss:120b-cloud", Bytes: 400},
		{Name: "far", Bytes: 2e9, Remote: "https://elsewhere"},
		{Name: "llama3.1:8b", Family: "llama", Bytes: 4.9e9},
		{Name: "qwen3:4b", Family: "qwen3", Bytes: 2.6e9},
		{Name: "smollm2:135m", Family: "llama", Bytes: 1e8},
		{Name: "llama3.3:70b", Family: "llama", Bytes: 43e9},
	}
	for _, test := range []struct {
		configured string
		memory     int64
		want       string
	}{
		{"", 24 * gib, "qwen3:4b"},
		{"", 4 * gib, "smollm2:135m"},
		{"", 0, "llama3.3:70b"},
		{"", gib / 4, ""},
		{"llama3.3:70b", 4 * gib, "llama3.3:70b"},
		{"all-minilm", 4 * gib, "all-minilm:latest"},
		{"QWEN3:4B", 4 * gib, "qwen3:4b"},
		{"qwen3", 4 * gib, ""},
	} {
		m, why, err := ChooseModel(models, test.configured, test.memory)
		if m.Name != test.want || (test.want == "") != (fault.KindOf(err) == fault.ModelMissing) || (why == "") != (test.want == "") {
			t.Errorf("%q in %d: %q, %q, %v", test.configured, test.memory, m.Name, why, err)
		}
	}
	if _, _, err := ChooseModel(nil, "", 0); fault.CodeOf(err) != CodeNoModel {
		t.Errorf("no models: %v", err)
	}
}

func TestToPull(t *testing.T) {
	for _, test := range []struct {
		gib  int64
		gpu  bool
		want string
	}{
		{0, false, "qwen3:0.6b"},
		{1, false, "qwen3:0.6b"},
		{4, false, "qwen3:1.7b"},
		{8, false, "qwen3:4b"},
		{64, false, "qwen3:4b"},
		{16, true, "qwen3:8b"},
		{64, true, "qwen3:30b"},
	} {
		if got, _ := toPull(test.gib<<30, test.gpu); got != test.want {
			t.Errorf("%d GiB, GPU %v: %s", test.gib, test.gpu, got)
		}
	}
}

func TestQuestion(t *testing.T) {
	pull, done := stepPull, stepSource
	pull.Bytes, done.Done = 2600e6, "built before"
	for want, steps := range map[string][]PlanStep{
		"Go on with these steps?": {stepStart, done},
		"Go on with these steps (downloads: up to 2.6 GB for a model)?":                    {done, pull, stepPackage},
		"Go on with these steps (downloads: Ollama itself)?":                               {stepArchive, stepSource},
		"Go on with these steps (downloads: Ollama itself, and up to 2.6 GB for a model)?": {stepSource, pull},
	} {
		if got := (Plan{Steps: steps}).Question(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLocateNamedAndDefault(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer other.Close()
	if _, err := Locate(t.Context(), LocateOptions{Host: "http://192.0.2.1:11434"}); fault.CodeOf(err) != llm.CodeRemoteHost || fault.KindOf(err) != fault.Usage {
		t.Errorf("remote: %v", err)
	}
	old, fine := ollamaAt(t, "0.16.9"), ollamaAt(t, "0.17.4")
	for name, test := range map[string]struct {
		o        LocateOptions
		source   string
		warnings int
	}{
		"named":              {LocateOptions{Host: fine, DefaultURL: deadURL}, Configured, 0},
		"named, not another": {LocateOptions{Host: deadURL, DefaultURL: fine}, "", 0},
		"default":            {LocateOptions{DefaultURL: fine}, Running, 0},
		"old":                {LocateOptions{DefaultURL: old}, Running, 1},
		"silent":             {LocateOptions{Host: silent.URL}, "", 0},
		"not Ollama":         {LocateOptions{Host: other.URL}, "", 0},
		"not a URL":          {LocateOptions{Host: "http://\x00"}, "", 0},
		"none":               {LocateOptions{DefaultURL: deadURL, Paths: Paths{State: t.TempDir()}, Serve: []string{"/bin/false"}}, "", 0},
		"no HOME":            {LocateOptions{DefaultURL: deadURL, Serve: []string{"/bin/false"}}, "", 0},
		"openai":             {LocateOptions{Host: deadURL, Provider: "openai"}, Configured, 0},
	} {
		begin := time.Now()
		s, err := Locate(t.Context(), test.o)
		if s.Source != test.source || len(s.Warnings) != test.warnings {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if test.source == "" && (fault.KindOf(err) != fault.Unreachable || len(fault.HintsOf(err)) == 0) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestNoServerSaysWhy(t *testing.T) {
	for want, o := range map[string]LocateOptions{
		"no model server answers | run: cf setup":           {DefaultURL: deadURL, Paths: Paths{State: t.TempDir()}},
		"no private server has been set up | run: cf setup": {PrivateOnly: true, Paths: Paths{State: t.TempDir()}},
		"no private server has been set up | set HOME":      {PrivateOnly: true},
	} {
		_, err := Locate(t.Context(), o)
		text, hint, _ := strings.Cut(want, " | ")
		if fault.KindOf(err) != fault.Unreachable || !strings.Contains(err.Error(), text) || !strings.HasPrefix(strings.Join(fault.HintsOf(err), ";"), hint) {
			t.Errorf("got %v, %q, want %s", err, fault.HintsOf(err), want)
		}
		if o.PrivateOnly && strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("an address that was not asked is named: %v", err)
		}
	}
}

func TestOlderThan(t *testing.T) {
	for version, want := range map[string]bool{
		"0.17.0": true, "0.17.1": false, "0.9.9": true, "1.0.0": false, "v0.16.1-rc3": true,
		"0.0.0": false, "": false, "next": false, "0.17": false, "0.17.x": false,
	} {
		if olderThan(version, safeVersion) != want {
			t.Errorf("olderThan(%q) = %v", version, !want)
		}
	}
}

func TestOpenListener(t *testing.T) {
	row := func(addr string, port uint16, state string) string {
		return fmt.Sprintf("  0: %s:%04X 00000000:0000 %s 00000000:00000000\n", addr, port, state)
	}
	for name, test := range map[string]struct {
		table string
		want  bool
	}{
		"loopback":       {row("0100007F", 11434, "0A"), false},
		"any":            {row("00000000", 11434, "0A"), true},
		"another port":   {row("00000000", 11435, "0A"), false},
		"connection":     {row("00000000", 11434, "01"), false},
		"loopback 6":     {row("00000000000000000000000001000000", 11434, "0A"), false},
		"any 6":          {row("00000000000000000000000000000000", 11434, "0A"), true},
		"mapped loop":    {row("0000000000000000FFFF00000100007F", 11434, "0A"), false},
		"garbage":        {"x y z 0A\n" + row("zz", 11434, "0A"), false},
		"interface only": {row("0A00A8C0", 11434, "0A"), true},
	} {
		if openListener(test.table, 11434) != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
	}
}

func TestFetchResumesAndChecks(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	sum := sha256.Sum256(content)
	want := hex.EncodeToString(sum[:])
	var ranges []string
	ranged := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		if !ranged {
			_, _ = w.Write(content)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer s.Close()
	for name, test := range map[string]struct {
		part   []byte
		ranged bool
		sum    string
		ranges string // of the requests
		code   string
	}{
		"fresh":            {nil, true, want, "[]", ""},
		"resumed":          {content[:1000], true, want, "[bytes=1000-]", ""},
		"all there":        {content, true, want, "[bytes=65536-]", ""},
		"no ranges":        {content[:1000], false, want, "[bytes=1000-]", ""},
		"damaged part":     {[]byte("zzz"), true, want, "[bytes=3- ]", ""},
		"part too long":    {append(bytes.Clone(content), 'x'), true, want, "[bytes=65537- ]", ""},
		"another checksum": {nil, true, strings.Repeat("0", 64), "[]", CodeChecksum},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if test.part != nil {
				if err := os.WriteFile(path+".part", test.part, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ranges, ranged = nil, test.ranged
			err := fetch(t.Context(), http.DefaultClient, &recorder{}, "x", s.URL, path, test.sum)
			if fault.CodeOf(err) != test.code || fmt.Sprint(ranges) != test.ranges {
				t.Fatalf("got %v, ranges %v", err, ranges)
			}
			got, _ := os.ReadFile(path)
			if bytes.Equal(got, content) != (test.code == "") {
				t.Error("content")
			}
			if _, err := os.Stat(path + ".part"); err == nil {
				t.Error("a part is left")
			}
		})
	}
}

func TestCutDownloadIsKept(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "the first half")
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "file")
	err := fetch(t.Context(), http.DefaultClient, &recorder{}, "x", s.URL, path, strings.Repeat("0", 64))
	if fault.CodeOf(err) != CodeDownload {
		t.Fatalf("got %v", err)
	}
	if b, _ := os.ReadFile(path + ".part"); string(b) != "the first half" {
		t.Errorf("kept %q", b)
	}
}

func TestUnpackRefusesWhatLeadsOutside(t *testing.T) {
	for name, h := range map[string]tar.Header{
		"parent":        {Name: "../evil", Typeflag: tar.TypeReg},
		"absolute":      {Name: "/evil", Typeflag: tar.TypeReg},
		"inner parent":  {Name: "a/../../evil", Typeflag: tar.TypeReg},
		"absolute link": {Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		"parent link":   {Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "../../x"},
		"hard link":     {Name: "l", Typeflag: tar.TypeLink, Linkname: "a"},
		"device":        {Name: "d", Typeflag: tar.TypeChar},
		"fifo":          {Name: "f", Typeflag: tar.TypeFifo},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "a.tar.zst")
		if err := os.WriteFile(file, packed(t, []tar.Header{h}, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unpack(t.Context(), file, filepath.Join(dir, "in", "out")); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, "in", "evil")); err == nil {
			t.Errorf("%s: written outside", name)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "a.tar.zst")
	good := []tar.Header{{Name: "./lib/", Typeflag: tar.TypeDir}, {Name: "./lib/a.so.1", Typeflag: tar.TypeReg, Size: 2}, {Name: "lib/a.so", Typeflag: tar.TypeSymlink, Linkname: "a.so.1"}, {Name: "bin/ollama", Typeflag: tar.TypeReg, Mode: 0o755, Size: 2}}
	if err := os.WriteFile(file, packed(t, good, []byte("hi")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpack(t.Context(), file, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "out/lib/a.so")); string(b) != "hi" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "out/bin/ollama")); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("mode: %v", err)
	}
}

func TestHasManifest(t *testing.T) {
	store := t.TempDir()
	dir := filepath.Join(store, "manifests", "host", "library", "qwen3")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"4b", "latest"} {
		if err := os.WriteFile(filepath.Join(dir, tag), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for model, want := range map[string]bool{"qwen3:4b": true, "qwen3": true, "qwen3:8b": false, "": false, "*:4b": false, "../library/qwen3:4b": false} {
		if hasManifest(store, model) != want {
			t.Errorf("%q: %v", model, !want)
		}
	}
}

func FuzzParseSums(f *testing.F) {
	hexSum := strings.Repeat("ab", 32)
	f.Add(hexSum+"  ./name\n", "name")
	f.Add(hexSum+" *name", "name")
	f.Add("zz  name\n\n \x00", "name")
	f.Fuzz(func(t *testing.T, text, name string) {
		got := parseSums(text, name)
		if b, err := hex.DecodeString(got); got != "" && (err != nil || len(b) != sha256.Size) {
			t.Fatalf("got %q", got)
		}
	})
	if parseSums(hexSum+"  ./name\n", "name") != hexSum || parseSums(hexSum+" *name", "name") != hexSum || parseSums(hexSum+"  other/name", "name") != "" {
		f.Fatal("sums are not found")
	}
}
