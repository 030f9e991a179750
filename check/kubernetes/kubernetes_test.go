package kubernetes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/source/sourcetest"
)

func TestCanaries(t *testing.T) { sourcetest.Canaries(t, kubernetes.New()) }

func TestGoldens(t *testing.T) { sourcetest.Goldens(t, kubernetes.New(), "testdata") }

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"

func TestHostileFilesAreBounded(t *testing.T) {
	rep := strings.Repeat
	wide := "x0: &x0 {containers: [a, a, a, a, a, a, a, a, a, a]}\n"
	for i := 1; i < 4; i++ {
		one := "*x" + string(rune('0'+i-1))
		wide += "x" + string(rune('0'+i)) + ": &x" + string(rune('0'+i)) + " [" + rep(one+", ", 30) + one + "]\n"
	}
	for _, c := range []struct{ text, code string }{
		{pod + "spec: " + rep("{spec: ", 100000), "nesting"},
		{pod + "spec: " + rep("[", 5000) + rep("]", 5000) + "\n", "wrong-type"},
		{pod + "spec:\n  containers:\n" + rep("  - {name: a, image: b}\n", 20000), "pod-security/runAsNonRoot"},
		{pod + wide, "alias-bomb"},
		{pod + "spec: &a {containers: *a}\n", "alias-cycle"},
		{rep("apiVersion: v1\nkind: Pod\n---\n", 30000), ""},
		{pod + "spec:\n  containers:\n  - name: a\n    volumeMounts:\n" + rep("    - {name: b}\n", 20000) + "  volumes:\n" + rep("  - {name: a}\n", 20000), ""},
	} {
		out := sourcetest.Bounded(t, kubernetes.New(), 10*time.Second, "a.yaml", c.text)
		found := c.code == ""
		for _, d := range out.Diagnostics {
			found = found || d.Code == c.code
		}
		if !found {
			t.Errorf("%.150q...: want %q, got\n%.300s", c.text, c.code, sourcetest.Render(out))
		}
	}
}

// FuzzManifest feeds the checker: no panic, which would be a gap, and no place
// outside the file.
func FuzzManifest(f *testing.F) {
	for _, s := range []string{
		pod, pod + "spec: {containers: [{name: a, image: b, securityContext: {runAsUser: 0}}]}\n", pod + "spec: [\n", "kind: List\napiVersion: v1\nitems: [1, {kind: x, apiVersion: v1}]\n",
		"apiVersion: apps/v1\nkind: Deployment\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {<<: {a: b}}}}}\n", "apiVersion: *a\nkind: X\n", "é: 1\napiVersion: v1\r\nkind: Pod\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := sourcetest.Check(t, kubernetes.New(), map[string]string{"a.yaml": text})
		for _, g := range out.Gaps {
			if g.What == "parse" {
				t.Fatalf("%q: %v", text, g)
			}
		}
		sourcetest.Inside(t, text, out)
	})
}
