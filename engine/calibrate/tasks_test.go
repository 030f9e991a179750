package calibrate

import (
	"strings"
	"testing"
	"time"

	"github.com/bitactor/cf/llm/profile"
)

func TestUsable(t *testing.T) {
	clamp := tasks[0]
	const right = "func Clamp(n, low, high int) int {\n\treturn max(low, min(n, high))\n}"
	whole := strings.Replace(clamp.file, clamp.stub(), right, 1)
	fence := func(code string) string { return "Here:\n```go\n" + code + "\n```\n" }
	for name, test := range map[string]struct {
		form form
		text string
		ok   bool
	}{
		"the function":             {bySymbol, fence(right), true},
		"in a file of its own":     {bySymbol, fence("package bounds\n\n" + right), true},
		"bare":                     {bySymbol, right, true},
		"prose":                    {bySymbol, "I would compare n with both.", false},
		"does not parse":           {bySymbol, fence("func Clamp(n, low, high int) int {"), false},
		"does not type-check":      {bySymbol, fence("func Clamp(n, low, high int) int {\n\treturn clamp(n)\n}"), false},
		"a stub":                   {bySymbol, fence(clamp.stub()), false},
		"an elision":               {bySymbol, fence("func Clamp(n, low, high int) int {\n\t// your code here\n\treturn n\n}"), false},
		"another function":         {bySymbol, fence("func Inside(n, low, high int) bool { return true }"), false},
		"the whole file":           {byFile, fence(whole), true},
		"a file, another constant": {byFile, fence(strings.Replace(whole, "1000", "999", 1)), false},
		"a file, another function": {byFile, fence(strings.Replace(whole, "n <= high", "n < high", 1)), false},
		"a file, one gone":         {byFile, fence(whole[:strings.Index(whole, "// Inside")]), false},
		"a file, one more":         {byFile, fence(whole + "\nfunc Extra() {}\n"), true},
		"the function for a file":  {byFile, fence("package bounds\n\n" + right), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := clamp.usable(t.Context(), test.form, test.text, true); (got != "") != test.ok {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := clamp.usable(t.Context(), bySymbol, "```go\n"+right, false); got != "" {
		t.Errorf("a reply that was cut: %q", got)
	}
	for _, task := range tasks {
		if !typed(task.file) || !strings.Contains(task.stub(), missing) {
			t.Errorf("%s is no sound task", task.path)
		}
	}
}

func TestAfford(t *testing.T) {
	s := &session{limit: 10 * time.Second}
	if err := s.afford(100, 1000, 1000); err != nil {
		t.Errorf("nothing is known of its speed: %v", err)
	}
	s.known = s.known.With(profile.Part{Name: Speed, Figures: map[string]float64{prefill: 100, decode: 10}})
	for _, test := range []struct {
		calls, prompt, reply int
		ok                   bool
	}{{1, 100, 50, true}, {1, 1000, 1, false}, {2, 100, 50, false}, {1, 0, 100, true}, {1, 0, 101, false}} {
		if err := s.afford(test.calls, test.prompt, test.reply); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
