package lazyregexp

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is asked of a lazy expression is what the compiled one answers.
func TestAnswersAsTheCompiledOne(t *testing.T) {
	const text, in = `(\w)(\d+)`, "a1 b22 c"
	lazy, want := New(text), regexp.MustCompile(text)
	b, upper := []byte(in), func(s string) string { return "<" + s + ">" }
	for name, pair := range map[string][2]any{
		"String":                     {lazy.String(), want.String()},
		"Match":                      {lazy.Match(b), want.Match(b)},
		"MatchString":                {lazy.MatchString(in), want.MatchString(in)},
		"FindString":                 {lazy.FindString(in), want.FindString(in)},
		"FindStringIndex":            {lazy.FindStringIndex(in), want.FindStringIndex(in)},
		"FindStringSubmatch":         {lazy.FindStringSubmatch(in), want.FindStringSubmatch(in)},
		"FindStringSubmatchIndex":    {lazy.FindStringSubmatchIndex(in), want.FindStringSubmatchIndex(in)},
		"FindAllString":              {lazy.FindAllString(in, -1), want.FindAllString(in, -1)},
		"FindAllStringIndex":         {lazy.FindAllStringIndex(in, 1), want.FindAllStringIndex(in, 1)},
		"FindAllStringSubmatch":      {lazy.FindAllStringSubmatch(in, -1), want.FindAllStringSubmatch(in, -1)},
		"FindAllStringSubmatchIndex": {lazy.FindAllStringSubmatchIndex(in, -1), want.FindAllStringSubmatchIndex(in, -1)},
		"ReplaceAllString":           {lazy.ReplaceAllString(in, "$2"), want.ReplaceAllString(in, "$2")},
		"ReplaceAllLiteralString":    {lazy.ReplaceAllLiteralString(in, "$2"), want.ReplaceAllLiteralString(in, "$2")},
		"ReplaceAllStringFunc":       {lazy.ReplaceAllStringFunc(in, upper), want.ReplaceAllStringFunc(in, upper)},
		"FindIndex":                  {lazy.FindIndex(b), want.FindIndex(b)},
		"FindSubmatch":               {lazy.FindSubmatch(b), want.FindSubmatch(b)},
		"FindSubmatchIndex":          {lazy.FindSubmatchIndex(b), want.FindSubmatchIndex(b)},
		"FindAll":                    {lazy.FindAll(b, -1), want.FindAll(b, -1)},
		"FindAllIndex":               {lazy.FindAllIndex(b, -1), want.FindAllIndex(b, -1)},
		"FindAllSubmatch":            {lazy.FindAllSubmatch(b, -1), want.FindAllSubmatch(b, -1)},
		"FindAllSubmatchIndex":       {lazy.FindAllSubmatchIndex(b, -1), want.FindAllSubmatchIndex(b, -1)},
		"ReplaceAll":                 {lazy.ReplaceAll(b, []byte("$1")), want.ReplaceAll(b, []byte("$1"))},
	} {
		if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
