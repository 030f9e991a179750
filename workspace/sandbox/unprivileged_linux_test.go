package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs some of this package's tests as a user without any rights. Root
// alone can become that user; as an ordinary user the tests run so anyway.
func asNobody(t *testing.T, tests string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Logf("the tests run as user %d already", os.Getuid())
		return
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("/tmp", "cf-nobody-") // t.TempDir can't be entered by others
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := filepath.Join(dir, "bin", "sandbox.test") // its folder is shown inside
	must(t, os.Mkdir(filepath.Dir(program), 0o755))
	text, err := os.ReadFile(self(t))
	must(t, err)
	must(t, os.WriteFile(program, text, 0o755))
	tmp := filepath.Join(dir, "tmp")
	must(t, os.Mkdir(tmp, 0o700))
	must(t, os.Chown(tmp, nobody, nobody))
	must(t, os.Chmod(dir, 0o755))
	cmd := exec.Command(program, "-test.run", tests, "-test.v", "-test.timeout=15m")
	cmd.Dir = tmp
	cmd.Env = []string{"HOME=" + tmp, "TMPDIR=" + tmp, "PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "get through without") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func TestRedTeamAsNobody(t *testing.T)    { asNobody(t, "^TestRedTeam$") }
func TestToolchainsAsNobody(t *testing.T) { asNobody(t, "^(TestToolchainsRun|TestFailures)$") }
