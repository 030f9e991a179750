package patch

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const change = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n"

var refused = []struct {
	name  string
	files map[string]string
	diff  string
	code  string
}{
	{"nothing", nil, "", CodeEmpty},
	{"prose", nil, "I changed the file.\n", CodeEmpty},
	{"UTF-16", nil, "\xff\xfe-\x00-\x00", CodeSyntax},
	{"a hunk alone", nil, "@@ -1 +1 @@\n-1\n+2\n", CodeSyntax},
	{"names alone", nil, "--- a/f\n+++ b/f\n", CodeSyntax},
	{"names alone, git", nil, "diff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n", CodeSyntax},
	{"half the names", nil, "diff --git a/f b/f\nnew file mode 100644\nindex 0..1\n--- /dev/null\n", CodeSyntax},
	{"header alone", nil, "diff --git a/f b/f\n", CodeSyntax},
	{"a new file cut before its text", nil, "diff --git a/f b/f\nnew file mode 100644\nindex 0000000..8baef1b\n", CodeSyntax},
	{"a rename cut before its text", nil, "diff --git a/f b/g\nsimilarity index 90%\nrename from f\nrename to g\n", CodeSyntax},
	{"a rename without one name", nil, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\n", CodeSyntax},
	{"a rename to nothing", nil, "diff --git a/f b/g\nsimilarity index 90%\nrename from f\nrename to g\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", CodeSyntax},
	{"both null", nil, "--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n-1\n+2\n", CodeSyntax},
	{"no numbers", nil, "--- a/f\n+++ b/f\n@@ -x +y @@\n-1\n+2\n", CodeSyntax},
	{"half a hunk header", nil, "--- a/f\n+++ b/f\n@@ -1,2\n-1\n+2\n", CodeSyntax},
	{"line 0", nil, "--- a/f\n+++ b/f\n@@ -0,1 +0,1 @@\n-1\n+2\n", CodeSyntax},
	{"huge numbers", nil, "--- a/f\n+++ b/f\n@@ -99999999999999999999 +1 @@\n-1\n+2\n", CodeSyntax},
	{"too few lines", nil, "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\n-2\n+3\n", CodeSyntax},
	{"too few lines, and prose", nil, "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\n-2\n+3\nend\n", CodeSyntax},
	{"too many lines", nil, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n+3\n", CodeSyntax},
	{"too many lines of one kind", nil, "--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n-1\n-2\n+2\n+3\n", CodeSyntax},
	{"no change", nil, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n 1\n", CodeSyntax},
	{"no newline in the middle", nil, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n\\ No newline at end of file\n-2\n+3\n", CodeSyntax},
	{"a remark first", nil, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n\\ No newline at end of file\n-1\n+2\n", CodeSyntax},
	{"an open quote", nil, "--- \"a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", CodeSyntax},
	{"a mode of its own", nil, "diff --git a/f b/f\nold mode 100644\nnew mode 104755\n", CodeSyntax},
	{"a mode that is none", nil, "diff --git a/f b/f\nold mode 100644\nnew mode +x\n", CodeSyntax},
	{"only in a folder", nil, "Only in new: g\n" + change, CodeSyntax},
	{"combined", nil, "diff --cc f\nindex 1,2..3\n--- a/f\n+++ b/f\n@@@ -1 -1 +1 @@@\n", CodeKind},
	{"a link", nil, "diff --git a/f b/f\nnew file mode 120000\nindex 0..1\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n", CodeKind},
	{"a link that changes", nil, "diff --git a/f b/f\nindex 1..2 120000\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n", CodeKind},
	{"a submodule", nil, "diff --git a/f b/f\nindex 1..2 160000\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", CodeKind},
	{"binary, git", nil, "diff --git a/f b/f\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIc${MZ000310RR91\n\n", CodeBinary},
	{"binary, git without data", nil, "diff --git a/f b/f\nindex 1..2 100644\nBinary files a/f and b/f differ\n", CodeBinary},
	{"binary, plain", nil, "Binary files old/f and new/f differ\n", CodeBinary},
	{"binary file", map[string]string{"f": "1\n\x00\n"}, change, CodeBinary},
	{"binary text", map[string]string{"f": "1\n"}, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+\x00\n", CodeBinary},
	{"too many files", nil, strings.Repeat(change, FilesMax+1), CodeBig},
	{"a file that becomes too big", map[string]string{"f": "1\n"}, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+" + strings.Repeat("x", FileBytesMax) + "\n", CodeBig},
	{"a file that is too big", map[string]string{"f": strings.Repeat("x", FileBytesMax+1)}, change, CodeBig},
	{"a diff that is too big", nil, strings.Repeat("x", diffFactor*FileBytesMax+1), CodeBig},
	{"up and out", nil, "--- a/../../f\n+++ b/../../f\n@@ -1 +1 @@\n-1\n+2\n", CodePath},
	{"absolute", nil, "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-1\n+2\n", CodePath},
	{"up in a rename", nil, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to ../g\n", CodePath},
	{"a folder", nil, "--- /dev/null\n+++ b/f/\n@@ -0,0 +1 @@\n+2\n", CodePath},
	{"invalid UTF-8", nil, "--- /dev/null\n+++ b/\xff\n@@ -0,0 +1 @@\n+2\n", CodePath},
	{"absent", nil, change, CodeAbsent},
	{"absent, deleted", nil, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", CodeAbsent},
	{"there already", map[string]string{"f": "1\n"}, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+1\n", CodeExists},
	{"renamed onto another", map[string]string{"f": "1\n", "g": "2\n"}, "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n", CodeExists},
	{"made twice", nil, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+1\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+2\n", CodeExists},
	{"deleted, then changed", map[string]string{"f": "1\n"}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n" + change, CodeAbsent},
	{"deleted without its text", map[string]string{"f": "1\n2\n"}, "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", CodeMismatch},
	{"deleted by git diff -D", map[string]string{"f": "1\n"}, "diff --git a/f b/f\ndeleted file mode 100644\nindex 1..0\n", CodeMismatch},
	{"another line", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n b\n-c2\n+C\n d\n", CodeMismatch},
	{"white space", map[string]string{"f": "a\n\tb\nc\n"}, "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-    b\n+B\n c\n", CodeMismatch},
	{"line ends", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+B\r\n", CodeMismatch},
	{"the end of the file", map[string]string{"f": "a\nb"}, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n", CodeMismatch},
	{"past the end", map[string]string{"f": "a\nb\n"}, "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n b\n-c\n+C\n", CodeMismatch},
	{"an empty file", map[string]string{"f": ""}, change, CodeMismatch},
	{"nothing like it", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -7,2 +7,2 @@\n y\n-z\n+Z\n", CodeMismatch},
	{"elsewhere, and near", map[string]string{"f": "1\n2\n3\n4\n" + abc}, "--- a/f\n+++ b/f\n@@ -2,4 +2,4 @@\n b\n-c\n+C\n d\n E\n", CodeMismatch},
	{"applied before", map[string]string{"f": "a\nB\nc\nd\n"}, "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n d\n", CodeMismatch},
	{"in two other places", map[string]string{"f": "x\n1\ny\nx\n1\ny\n"}, "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n x\n-1\n+2\n y\n", CodeTwice},
	{"before the hunk before", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -6,2 +6,2 @@\n f\n-g\n+G\n h\n@@ -9,2 +9,2 @@\n-b\n+B\n c\n d\n", CodeSyntax},
	{"behind what it overtakes", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -6,3 +6,3 @@\n f\n-g\n+G\n h\n@@ -9,3 +9,3 @@\n b\n-c\n+C\n d\n", CodeMismatch},
	{"no more at the end", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -6,2 +6,3 @@\n f\n g\n+new end\n", CodeMismatch},
	{"no more at the start", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n+new start\n b\n c\n", CodeMismatch},
	{"inserted blindly", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -3,0 +4 @@\n+x\n", CodeMismatch},
	{"the newline at the end, in the middle", map[string]string{"f": abc}, "--- a/f\n+++ b/f\n@@ -2 +2 @@\n-b\n+b\n\\ No newline at end of file\n", CodeMismatch},
	{"without context, and not alone", map[string]string{"f": "1\n2\n1\n"}, "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n", CodeTwice},
	{"mode already so", map[string]string{"f 755": "1\n"}, "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", CodeEmpty},
	{"a control character", map[string]string{"f": "\x1b[2J\n"}, change, CodeMismatch},
}

// TestRefusals wants of every diff that can't be applied its code, a kind that
// ends with exit code 3, one line, and the words in the golden file.
func TestRefusals(t *testing.T) {
	var got bytes.Buffer
	for _, tt := range refused {
		r, err := apply(memory{files: tt.files}, tt.diff, Limits{})
		if err == nil {
			t.Errorf("%s: applied:\n%s", tt.name, show(r.Set))
			continue
		}
		if fault.KindOf(err) != fault.Refused || fault.CodeOf(err) != tt.code {
			t.Errorf("%s: kind %s, code %q, want %q: %v", tt.name, fault.KindOf(err), fault.CodeOf(err), tt.code, err)
		}
		if strings.ContainsAny(err.Error(), "\n\r\x1b") {
			t.Errorf("%s: raw text in %q", tt.name, err)
		}
		fmt.Fprintf(&got, "%s\n  %s\n", tt.name, err)
		for _, hint := range fault.HintsOf(err) {
			fmt.Fprintf(&got, "  hint: %s\n", hint)
		}
		if m := AsMismatch(err); m != nil {
			fmt.Fprintf(&got, "  line %d of %s\n  want %q\n  have %q\n", m.Line, m.File, m.Want, m.Have)
		}
	}
	golden := filepath.Join("testdata", "refused.golden")
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

// TestLimitsCanBeRaised: what the defaults refuse passes with more.
func TestLimitsCanBeRaised(t *testing.T) {
	big := strings.Repeat("x", 2*FileBytesMax)
	files := map[string]string{"f": "1\n" + big}
	var many strings.Builder
	for i := range FilesMax + 1 {
		fmt.Fprintf(&many, "--- /dev/null\n+++ b/n%d\n@@ -0,0 +1 @@\n+1\n", i)
	}
	diff := "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n"
	for _, l := range []Limits{{}, {Files: FilesMax + 2, FileBytes: 3 * FileBytesMax}} {
		_, errBig := apply(memory{files: files}, diff, l)
		_, errMany := apply(memory{}, many.String(), l)
		if raised := l.Files > 0; (errBig == nil) != raised || (errMany == nil) != raised {
			t.Errorf("%+v: %v, %v", l, errBig, errMany)
		}
	}
	if workspace.FileBytesMax != FileBytesMax {
		t.Error("the default of a file's size is not that of what may be read")
	}
}
