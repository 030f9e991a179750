package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCleanOfManyFiles mends more files than a change of other verbs may hold: all but
// the one whose mend a test refuses land as one change, and one undo takes them back.
func TestCleanOfManyFiles(t *testing.T) {
	t.Parallel()
	const files, refused = 40, 17
	dir, _, env := plantProject(t)
	err := os.MkdirAll(filepath.Join(dir, ".cf"), 0o700)
	for i := range files {
		text := fmt.Sprintf("def number(text):\n    try:\n        return {\"one\": %d}[text]\n    except LookupError as e:\n        raise KeyError(text)\n", i)
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, fmt.Sprintf("part%03d.py", i)), []byte(text), 0o644))
	}
	strict := fmt.Sprintf(`import unittest

import part%03d as part


class TestPart(unittest.TestCase):
    def test_no_cause(self):
        try:
            part.number("two")
        except KeyError as e:
            self.assertIsNone(e.__cause__)
`, refused)
	if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "test_part.py"), []byte(strict), 0o644)); err != nil {
		t.Fatal(err)
	}
	mended := func() (n int) {
		for i := range files {
			text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("part%03d.py", i)))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(string(text), " from e\n") {
				n++
			}
		}
		return n
	}
	run := func(args ...string) string {
		cmd := asCF(t, env, args...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // the code is 3: one finding is left
		return string(out)
	}
	out := run("clean", "--target", "errors", "--yes")
	if n := mended(); n != files-1 || strings.Count(out, "stays as it is") != 1 || !strings.Contains(out, fmt.Sprintf("part%03d.py stays as it is", refused)) {
		t.Errorf("%d mended\n%s", n, out)
	}
	if out := run("undo"); mended() != 0 {
		t.Errorf("%d are still mended\n%s", mended(), out)
	}
}
