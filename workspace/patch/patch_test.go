package patch

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

// memory is a tree for tests: paths to texts; a mode may follow a path after a
// space.
type memory struct {
	files   map[string]string
	working string
}

func (m memory) find(rel string) (string, fs.FileMode, bool) {
	if text, ok := m.files[rel]; ok {
		return text, 0o644, true
	}
	for _, mode := range []fs.FileMode{0o755, 0o600, 0o640} {
		if text, ok := m.files[fmt.Sprintf("%s %o", rel, mode)]; ok {
			return text, mode, true
		}
	}
	return "", 0, false
}

func (m memory) Kind(rel string) string {
	if _, _, ok := m.find(rel); ok {
		return "file"
	}
	for name := range m.files {
		if strings.HasPrefix(name, rel+"/") {
			return "folder"
		}
	}
	return ""
}

func (m memory) Working() string { return path.Clean(m.working) }

func (m memory) ReadToChange(rel string, limit int64) ([]byte, fs.FileMode, error) {
	text, mode, ok := m.find(rel)
	switch {
	case !ok:
		return nil, 0, fault.New(fault.Failed, workspace.CodeAbsent, "absent")
	case int64(len(text)) > limit:
		return nil, 0, fault.New(fault.Failed, workspace.CodeTooBig, "too big")
	case workspace.Binary([]byte(text)):
		return nil, 0, fault.New(fault.Failed, workspace.CodeBinary, "binary")
	}
	return []byte(text), mode, nil
}

func apply(m memory, diff string, l Limits) (*Result, error) {
	p, err := Parse([]byte(diff), l)
	if err != nil {
		return nil, err
	}
	return p.Apply(m)
}

// show writes a set as text, a line for each change.
func show(set *workspace.Set) string {
	var b strings.Builder
	for _, c := range set.Changes {
		if c.Delete {
			fmt.Fprintf(&b, "- %s\n", c.Path)
			continue
		}
		fmt.Fprintf(&b, "%o %s", c.Mode, c.Path)
		if c.From != "" {
			fmt.Fprintf(&b, " from %s", c.From)
		}
		fmt.Fprintf(&b, " %q\n", c.Content)
	}
	return b.String()
}

const abc = "a\nb\nc\nd\ne\nf\ng\nh\n"

var applied = []struct {
	name  string
	files map[string]string
	in    string // working folder
	diff  string
	want  string
	reads []string // nil: those of want
	note  string   // of the outcomes
}{
	{
		name: "git", files: map[string]string{"f": abc},
		diff: "commit message\n- with a list\n\ndiff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n@@ -1,3 +1,4 @@ func x\n a\n-b\n+B\n+BB\n c\n-- \n2.39.5\n",
		want: `644 f "a\nB\nBB\nc\nd\ne\nf\ng\nh\n"`,
	},
	{
		name: "plain, with time stamps", files: map[string]string{"x/f": abc},
		diff: "--- x/f\t2026-01-01 10:00:00.000000000 +0100\n+++ x/f\t2026-01-01 10:00:01.000000000 +0100\n@@ -2 +2 @@\n-b\n+B\n",
		want: `644 x/f "a\nB\nc\nd\ne\nf\ng\nh\n"`,
	},
	{
		name: "no prefix, in a folder called a", files: map[string]string{"a/f": "1\n"},
		diff: "diff --git a/f a/f\n--- a/f\n+++ a/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 a/f "2\n"`,
	},
	{
		name: "no prefix, plain", files: map[string]string{"b/f": "1\n"},
		diff: "--- b/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 b/f "2\n"`,
	},
	{
		name: "mnemonic prefixes", files: map[string]string{"f": "1\n"},
		diff: "diff --git i/f w/f\n--- i/f\n+++ w/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 f "2\n"`,
	},
	{
		name: "folders old and new", files: map[string]string{"f": "1\n"},
		diff: "diff -ru old/f new/f\n--- old/f\n+++ new/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 f "2\n"`,
	},
	{
		name: "a copy beside it", files: map[string]string{"f": "1\n", "f.orig": "1\n"},
		diff: "--- f.orig\n+++ f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 f "2\n"`,
	},
	{
		name: "from a sub-folder", files: map[string]string{"sub/f": "1\n"}, in: "sub",
		diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 sub/f "2\n"`, note: "base sub",
	},
	{
		name: "in a sub-folder, but meant from the root", files: map[string]string{"sub/f": "1\n", "f": "1\n"}, in: "sub",
		diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", want: `644 f "2\n"`,
	},
	{
		name: "several files", files: map[string]string{"f": "1\n", "g": "1\n"},
		diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-1\n+3\n", want: "644 f \"2\\n\"\n644 g \"3\\n\"",
	},
	{
		name: "created", diff: "diff --git a/n b/n\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+1\n+2\n", want: `755 n "1\n2\n"`,
	},
	{
		name: "created, plain", diff: "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+1\n\\ No newline at end of file\n", want: `644 n "1"`,
	},
	{
		name: "created, by diff -N", diff: "--- a/n\t1970-01-01 01:00:00.000000000 +0100\n+++ b/n\t2026-01-01 10:00:01.000000000 +0100\n@@ -0,0 +1 @@\n+1\n", want: `644 n "1\n"`,
	},
	{
		name: "created, by names alone", diff: "--- n\n+++ n\n@@ -0,0 +1 @@\n+1\n", want: `644 n "1\n"`,
	},
	{
		name: "created empty", diff: "diff --git a/n b/n\nnew file mode 100644\nindex 0000000..e69de29\n", want: `644 n ""`,
	},
	{
		name: "created empty, then a diff of another tool", files: map[string]string{"f": "1\n"}, want: "644 f \"2\\n\"\n644 n \"\"",
		diff: "diff --git a/n b/n\nnew file mode 100644\nindex 0000000..e69de29\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n",
	},
	{
		name: "filled", files: map[string]string{"f": ""}, diff: "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+1\n", want: `644 f "1\n"`,
	},
	{
		name: "emptied", files: map[string]string{"f": "1\n"}, diff: "--- a/f\n+++ b/f\n@@ -1 +0,0 @@\n-1\n", want: `644 f ""`,
	},
	{
		name: "deleted", files: map[string]string{"f": "1\n2"},
		diff: "diff --git a/f b/f\ndeleted file mode 100644\nindex 1..0\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n\\ No newline at end of file\n", want: "- f",
	},
	{
		name: "deleted, plain, a folder called a", files: map[string]string{"a/f": "1\n"}, diff: "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", want: "- a/f",
	},
	{
		name: "deleted, by diff -N", files: map[string]string{"f": "1\n"}, want: "- f",
		diff: "--- a/f\t2026-01-01 10:00:01.000000000 +0100\n+++ b/f\t1970-01-01 00:00:00.000000000 +0000\n@@ -1 +0,0 @@\n-1\n",
	},
	{
		name: "deleted empty", files: map[string]string{"f": ""}, diff: "diff --git a/f b/f\ndeleted file mode 100644\nindex e69de29..0000000\n", want: "- f",
	},
	{
		name: "renamed", files: map[string]string{"f 755": abc}, want: "- f\n755 g/h from f " + `"a\nb\nc\nd\ne\nf\ng\nh\n"`,
		diff: "diff --git a/f b/g/h\nsimilarity index 100%\nrename from f\nrename to g/h\n",
	},
	{
		name: "renamed and changed", files: map[string]string{"a/x y": abc}, want: "- a/x y\n644 b/\"z\" from a/x y " + `"A\nb\nc\nd\ne\nf\ng\nh\n"`,
		diff: "diff --git a/a/x y \"b/b/\\\"z\\\"\"\nsimilarity index 90%\nrename from a/x y\nrename to \"b/\\\"z\\\"\"\nindex 1..2 100644\n--- a/a/x y\t\n+++ \"b/b/\\\"z\\\"\"\n@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n d\n",
	},
	{
		name: "exchanged names", files: map[string]string{"f": "1\n", "g": "2\n"}, want: "644 f from g \"2\\n\"\n644 g from f \"1\\n\"",
		diff: "diff --git a/g b/f\nsimilarity index 100%\nrename from g\nrename to f\ndiff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n",
	},
	{
		name: "a chain of names", files: map[string]string{"f": "1\n", "g": "2\n"}, want: "- f\n644 g from f \"1\\n\"\n644 h from g \"2\\n\"",
		diff: "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\ndiff --git a/g b/h\nsimilarity index 100%\nrename from g\nrename to h\n",
	},
	{
		name: "copied", files: map[string]string{"f": "1\n"}, want: `644 g "1\n"`, reads: []string{"f", "g"},
		diff: "diff --git a/f b/g\nsimilarity index 100%\ncopy from f\ncopy to g\n",
	},
	{
		name: "mode", files: map[string]string{"f 640": "1\n"}, diff: "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", want: `750 f "1\n"`,
	},
	{
		name: "mode taken away, and text", files: map[string]string{"f 755": "1\n"}, want: `644 f "2\n"`,
		diff: "diff --git a/f b/f\nold mode 100755\nnew mode 100644\nindex 1..2\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n",
	},
	{
		name: "mode kept", files: map[string]string{"f 600": "1\n"}, diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", want: `600 f "2\n"`,
	},
	{
		name: "a name in octal", files: map[string]string{"é\t": "1\n"}, want: "644 é\t \"2\\n\"",
		diff: "diff --git \"a/\\303\\251\\t\" \"b/\\303\\251\\t\"\nindex 1..2 100644\n--- \"a/\\303\\251\\t\"\n+++ \"b/\\303\\251\\t\"\n@@ -1 +1 @@\n-1\n+2\n",
	},
	{
		name: "mode of a name with spaces", files: map[string]string{"x b/x": "1\n"}, diff: "diff --git a/x b/x b/x b/x\nold mode 100644\nnew mode 100755\n", want: `755 x b/x "1\n"`,
	},
	{
		name: "a file changed twice", files: map[string]string{"f": "1\n"}, want: `644 f "3\n"`,
		diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-2\n+3\n",
	},
	{
		name: "created, then changed", want: `644 f "2\n"`,
		diff: "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+1\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n",
	},
	{
		name: "a folder for a file", files: map[string]string{"f": "1\n"}, want: "- f\n644 f/g \"2\\n\"", reads: []string{"f", "f/g"},
		diff: "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n--- /dev/null\n+++ b/f/g\n@@ -0,0 +1 @@\n+2\n",
	},
	{
		name: "CRLF file and diff", files: map[string]string{"f": "1\r\n2\r\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\r\n-2\r\n+3\r\n", want: `644 f "1\r\n3\r\n"`,
	},
	{
		name: "diff converted to CRLF", files: map[string]string{"f": "1\n2\n"}, diff: "--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n 1\r\n-2\r\n+3\r\n", want: `644 f "1\n3\n"`,
	},
	{
		name: "both converted to CRLF", files: map[string]string{"f": "1\r\n2"}, diff: "--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n 1\r\n-2\r\n\\ No newline at end of file\r\n+3\r\n\\ No newline at end of file\r\n", want: `644 f "1\r\n3"`, note: "crlf",
	},
	{
		name: "CRLF file, diff without", files: map[string]string{"f": "1\r\n2\r\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n", want: `644 f "1\r\n3\r\n"`, note: "crlf",
	},
	{
		name: "mixed line ends stay", files: map[string]string{"f": "1\r\n2\n3\r\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\r\n-2\n+two\n 3\r\n", want: `644 f "1\r\ntwo\n3\r\n"`,
	},
	{
		name: "BOM of the file stays", files: map[string]string{"f": "\ufeff1\n2\n"}, diff: "\ufeff--- a/f\n+++ b/f\n@@ -2 +2 @@\n-2\n+3\n", want: "644 f \"\\ufeff1\\n3\\n\"",
	},
	{
		name: "newline at the end added", files: map[string]string{"f": "1\n2"}, diff: "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ Kein Zeilenumbruch am Dateiende.\n+2\n", want: `644 f "1\n2\n"`,
	},
	{
		name: "newline at the end taken away", files: map[string]string{"f": "1\n2\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+2\n\\ No newline at end of file\n", want: `644 f "1\n2"`,
	},
	{
		name: "an empty context line without its space", files: map[string]string{"f": "1\n\n2\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\n\n-2\n+3\n", want: `644 f "1\n\n3\n"`,
	},
	{
		name: "lines that look like headers", files: map[string]string{"f": "-- a/f\n++ b/f\n@@ -1 +1 @@\n"}, diff: "--- a/f\n+++ b/f\n@@ -1,3 +1,2 @@\n--- a/f\n-++ b/f\n+++ c\n @@ -1 +1 @@\n", want: `644 f "++ c\n@@ -1 +1 @@\n"`,
	},
	{
		name: "the diff's last line feed is missing", files: map[string]string{"f": "1\n"}, diff: "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2", want: `644 f "2\n"`,
	},
	{
		name: "moved", files: map[string]string{"f": "new\n" + abc}, diff: "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n@@ -7,2 +7,2 @@\n-g\n+G\n h\n", want: `644 f "new\na\nb\nC\nd\ne\nf\nG\nh\n"`, note: "1:2>3 2:7>8",
	},
	{
		name: "at its place, though the text is elsewhere too", files: map[string]string{"f": "x\n1\ny\nx\n1\ny\n"},
		diff: "--- a/f\n+++ b/f\n@@ -4,3 +4,3 @@\n x\n-1\n+2\n y\n", want: `644 f "x\n1\ny\nx\n2\ny\n"`,
	},
	{
		name: "diff -U0", files: map[string]string{"f": abc}, diff: "--- a/f\n+++ b/f\n@@ -2 +1,0 @@\n-b\n@@ -5 +4,2 @@\n-e\n+E\n+EE\n", want: `644 f "a\nc\nd\nE\nEE\nf\ng\nh\n"`,
	},
}

func TestApply(t *testing.T) {
	for _, tt := range applied {
		t.Run(tt.name, func(t *testing.T) {
			r, err := apply(memory{tt.files, tt.in}, tt.diff, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSuffix(show(r.Set), "\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if got := noteOf(r); got != tt.note {
				t.Errorf("note %q, want %q", got, tt.note)
			}
			checkReads(t, r.Set, tt.files, tt.reads)
		})
	}
}

func noteOf(r *Result) string {
	var notes []string
	if r.Base != "" {
		notes = append(notes, "base "+r.Base)
	}
	for _, f := range r.Files {
		if f.CRLF {
			notes = append(notes, "crlf")
		}
		for _, m := range f.Moves {
			notes = append(notes, fmt.Sprintf("%d:%d>%d", m.Hunk, m.From, m.To))
		}
	}
	return strings.Join(notes, " ")
}

// checkReads wants the hash of each file that the set rests on, "" for absent ones.
func checkReads(t *testing.T, set *workspace.Set, files map[string]string, want []string) {
	t.Helper()
	if want == nil {
		for _, c := range set.Changes {
			want = append(want, c.Path)
		}
	}
	for _, rel := range want {
		hash, ok := set.Reads[rel]
		text, _, exists := memory{files: files}.find(rel)
		if !ok || exists != (hash != "") || exists && hash != workspace.Hash([]byte(text)) {
			t.Errorf("Reads[%q] = %q, %v", rel, hash, ok)
		}
	}
	if len(set.Reads) != len(want) {
		t.Errorf("%d files read, want %d: %v", len(set.Reads), len(want), set.Reads)
	}
	if !slices.IsSortedFunc(set.Changes, func(a, b workspace.Change) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("the changes are not sorted")
	}
}
