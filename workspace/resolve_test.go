package workspace_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

func TestResolve(t *testing.T) {
	dir := plant(t, map[string]string{".git/HEAD": "", "a/b/": ""})
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	tree := open(t, filepath.Join(link, "a")) // the working folder is a, reached through a link
	tests := []struct{ arg, want, code string }{
		{"x.go", "a/x.go", ""},
		{"./b/../x.go", "a/x.go", ""},
		{"../x.go", "x.go", ""},
		{"..", ".", ""},
		{".", "a", ""},
		{"b/", "a/b", ""},
		{"-rf", "a/-rf", ""},
		{"@x", "a/@x", ""},
		{"a b\nc", "a/a b\nc", ""},
		{filepath.Join(dir, "x.go"), "x.go", ""},
		{filepath.Join(link, "a", "x.go"), "a/x.go", ""},
		{dir, ".", ""},
		{"../../x", "", workspace.CodeOutside},
		{"/etc/passwd", "", workspace.CodeOutside},
		{dir + "x/y", "", workspace.CodeOutside},
		{filepath.Join(dir, "..", "y"), "", workspace.CodeOutside},
		{"", "", workspace.CodeBadPath},
		{"a\x00b", "", workspace.CodeBadPath},
		{"a\xffb", "", workspace.CodeBadPath},
		{strings.Repeat("a", 5000), "", workspace.CodeBadPath},
	}
	for _, tt := range tests {
		got, err := tree.Resolve(tt.arg)
		if got != tt.want || fault.CodeOf(err) != tt.code {
			t.Errorf("Resolve(%.40q) = %q, %v; want %q, code %q", tt.arg, got, err, tt.want, tt.code)
		}
		if err == nil {
			continue
		}
		if fault.KindOf(err) != fault.Usage || len(err.Error()) > 400 || strings.Contains(err.Error(), "\x00") || strings.Contains(err.Error(), "\xff") {
			t.Errorf("Resolve(%.40q): kind %s, error %.500q", tt.arg, fault.KindOf(err), err)
		}
	}
}

func FuzzResolvePath(f *testing.F) {
	for _, s := range []string{"a", "../x", "..", "/etc/passwd", "a/../../b", "./-x", "a\x00", "\xff", "a//b/./c/", "....//", strings.Repeat("../", 50)} {
		f.Add(s)
	}
	dir := plant(f, map[string]string{".git/HEAD": "", "a/": ""})
	tree := open(f, filepath.Join(dir, "a"))
	f.Fuzz(func(t *testing.T, arg string) {
		rel, err := tree.Resolve(arg)
		if err != nil {
			if fault.KindOf(err) != fault.Usage {
				t.Errorf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		if !filepath.IsLocal(filepath.FromSlash(rel)) || rel != filepath.ToSlash(filepath.Clean(rel)) {
			t.Errorf("Resolve(%q) = %q, not a clean path inside", arg, rel)
		}
		if again, err := tree.Resolve(filepath.Join(dir, rel)); err != nil || again != rel {
			t.Errorf("Resolve of the absolute path of %q = %q, %v", rel, again, err)
		}
	})
}
