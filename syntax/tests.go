package syntax

import "strings"

// TestNames returns the names of the tests that the file defines, in source
// order: full names of functions ("TestPush", "StackTest.test_push"), the words
// of those named by a string behind the words of the groups they stand in
// ("describe words.test words"), and of Go's subtests the literal ones
// ("TestPush/empty"). A group without tests is none.
func (f *File) TestNames() []string {
	var names []string
	subtests := f.subtests
	for i, s := range f.symbols {
		if s.Kind != Test || f.groupsTests(i) {
			continue
		}
		name := s.Name
		if s.Parent != "" {
			name = s.Parent + "." + name
		}
		names = append(names, name)
		for len(subtests) > 0 && subtests[0].Start < s.Range.End {
			if subtests[0].Start >= s.Range.Start {
				names = append(names, name+"/"+unquote(f.Text(subtests[0])))
			}
			subtests = subtests[1:]
		}
	}
	return names
}

// groupsTests tells whether the test at index i only holds others.
func (f *File) groupsTests(i int) bool {
	s := f.symbols[i]
	if word := strings.TrimLeft(s.Signature, "xf"); strings.HasPrefix(word, "describe") || strings.HasPrefix(word, "suite") {
		return true
	}
	return f.language.name != "go" && i+1 < len(f.symbols) && f.symbols[i+1].Kind == Test && s.Range.holds(f.symbols[i+1].Range)
}

// unquote takes one pair of quotes from a text.
func unquote(text string) string {
	if n := len(text); n >= 2 && strings.IndexByte("\"'`", text[0]) >= 0 && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}
