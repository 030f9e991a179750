//go:build linux

package stack

import "testing"

func TestPush(t *testing.T) {
	t.Run("one item", func(t *testing.T) {})
	t.Run(`two "items"`, func(t *testing.T) { t.Skip("later") })
	for _, name := range []string{"a"} {
		t.Run(name, func(t *testing.T) {})
	}
}

func BenchmarkPush(b *testing.B) {}

func FuzzPush(f *testing.F) { f.SkipNow() }

func ExampleStack() {}

func Testify(t *testing.T) {}

func helper(t *testing.T) { t.Helper() }
