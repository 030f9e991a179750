package markdown_test

import (
	"testing"
	"time"

	"github.com/bitactor/cf/check/markdown"
	"github.com/bitactor/cf/check/source/sourcetest"
)

// FuzzMarkdownLinks feeds the whole checker: no panic, which would show as a
// gap, and no place outside the file.
func FuzzMarkdownLinks(f *testing.F) {
	markdown.SetPatience(time.Second)
	for _, s := range []string{
		"", "[a](b.md#c)", "[a][b]\n\n[b]: c\n", "![a](<b c>)", "# a\n[x](#a)", "```json\n{\n```", "```", "~~~go\nx := 1\n~~~", "> ```sh\n> if\n> ```", "---\na: [\n---\n", "+++\n+++\n",
		"<a id=x></a><a id=x>", "<!-- <a id=x> -->", "<img src='x'>", "- ```yaml\n  a: 1\n\tb: 2\n  ```", "[a](%zz)", "[a](\x00)", "\xef\xbb\xbf[a](b)", "```json\r\n1,\r\n```\r\n", "1. a\n\n   ```toml\n   a =\n   ```",
		"```yaml\na: b: c", "\t```json\n", "[](..)", "[](.)", "[](//x)", "```go\n\n```",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := sourcetest.Check(t, markdown.New(), map[string]string{"a.md": text})
		for _, g := range out.Gaps {
			t.Fatalf("%q: %v", text, g)
		}
		sourcetest.Inside(t, text, out)
	})
}
