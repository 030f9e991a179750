package profile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUpdateSurvivesAndStaysPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "profiles")
	if err := Open(dir).Update("sha256:../../x", func(p *Profile) { p.Layout, p.PrefillRate = PerSection, 290 }); err != nil {
		t.Fatal(err)
	}
	p := Open(dir).Get("sha256:../../x")
	if p.Layout != PerSection || p.PrefillRate != 290 || p.Updated.IsZero() {
		t.Errorf("read back %+v", p)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDamagedFileCountsAsNone(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir)
	if err := s.Update("d", func(p *Profile) { p.DecodeRate = 50 }); err != nil {
		t.Fatal(err)
	}
	path := s.path("d")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"empty": "", "cut": string(good[:len(good)/2]), "other digest": strings.Replace(string(good), `"d"`, `"e"`, 1),
		"not a figure": strings.Replace(string(good), "50", "-1e300", 1), "list": "[]", "huge": `{"digest":"d","model":"` + strings.Repeat("x", fileBytes) + `"}`,
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if p := Open(dir).Get("d"); p.DecodeRate != 0 || p.Digest != "d" {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	if err := Open(dir).Update("d", func(p *Profile) { p.DecodeRate = 60 }); err != nil {
		t.Fatal(err)
	}
	if p := Open(dir).Get("d"); p.DecodeRate != 60 {
		t.Errorf("after a damaged file: %+v", p)
	}
}

func TestMemoryOnly(t *testing.T) {
	s := Open("")
	if err := s.Update("d", func(p *Profile) { p.Window = 8192 }); err != nil || s.Get("d").Window != 8192 || s.All()["d"].Window != 8192 {
		t.Errorf("%v %+v", err, s.Get("d"))
	}
}

// Processes and goroutines count up one figure; none of the steps may get lost.
func TestUpdateFromManyProcesses(t *testing.T) {
	const steps = 20
	if dir := os.Getenv("CF_PROFILE_TEST_DIR"); dir != "" {
		s := Open(dir)
		for range steps {
			if err := s.Update("d", func(p *Profile) { p.Window++ }); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			child := exec.Command(os.Args[0], "-test.run=^TestUpdateFromManyProcesses$")
			child.Env = append(os.Environ(), "CF_PROFILE_TEST_DIR="+dir)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	if got := Open(dir).Get("d").Window; got != 3*steps {
		t.Errorf("%d steps are left of %d", got, 3*steps)
	}
}
