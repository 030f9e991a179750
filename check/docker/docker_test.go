package docker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check/docker"
	"github.com/bitactor/cf/check/source/sourcetest"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, docker.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, docker.New(), "testdata") }

func TestMatch(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile": true, "a/Dockerfile": true, "Dockerfile.dev": true, "api.Dockerfile": true, "api.dockerfile": true, "Containerfile": true,
		"Dockerfile.dockerignore": false, ".dockerignore": false, "dockerfile.go": false, "Dockerfiles": false,
	} {
		if got := docker.New().Match(name, nil); got != want {
			t.Errorf("Match(%q) = %v", name, got)
		}
	}
}

func TestHostileFilesAreBounded(t *testing.T) {
	rep := strings.Repeat
	for _, text := range []string{
		"FROM a:1\n" + rep("RUN x\n", 100000), rep("FROM a:1\n", 30000), "FROM a:1\nRUN " + rep("a ", 400000), "FROM a:1\nRUN " + rep("\\\n", 300000),
		"FROM a:1\nRUN " + rep("$(", 400000), "FROM a:1\nRUN " + rep("( ", 30000), "FROM " + rep("${a:-", 100000), "FROM a:1\nRUN " + rep("<<E ", 100000), "FROM a:1\nCMD " + rep("[", 400000),
		rep("# x\n", 200000), rep("ARG a=1\n", 100000) + "FROM a:1\n", "FROM a:1\n" + rep("ENV a=$a\n", 50000), "FROM a:1\nENV " + rep("a=1 ", 100000), rep("\\\n", 500000),
	} {
		sourcetest.Bounded(t, docker.New(), 10*time.Second, "Dockerfile", text)
	}
}

// FuzzDockerfile feeds the checker: no panic, which would be a gap, and no
// place outside the file.
func FuzzDockerfile(f *testing.F) {
	for _, s := range []string{
		"", "FROM a\n", "FROM a AS b\nCOPY --from=b a b\n", "RUN <<E\nx\nE\n", "# check=skip=all\nFROM a", "FROM $a:${b:-c}\n", "FROM a\nENV a b\nEXPOSE 1:2/TCP\n", "FROM a\nHEALTHCHECK NONE\nSHELL [\"a\"]\nONBUILD RUN x\n",
		"FROM a\r\nRUN if\r\n", "\xef\xbb\xbfFROM a\n", "FROM a\nRUN --mount=type=bind x\n", "# escape=`\nFROM a\nRUN a `\n b\n", "from a\nADD a b\nVOLUME [\"x\"]\nSTOPSIGNAL 9\nUSER x\nMAINTAINER x\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := sourcetest.Check(t, docker.New(), map[string]string{"Dockerfile": text})
		for _, g := range out.Gaps {
			t.Fatalf("%q: %v", text, g)
		}
		sourcetest.Inside(t, text, out)
	})
}
