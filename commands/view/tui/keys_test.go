package tui

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/charmbracelet/bubbles/key"
	"github.com/google/go-cmp/cmp"
)

const (
	guide     = "../../../docs/how-to/session.md"
	keysBegin = "<!-- keys: go test ./commands/view/tui -run TestKeysAreDocumented -update -->\n"
	keysEnd   = "<!-- end of keys -->\n"
)

// TestKeysAreDocumented keeps the table of the guide equal to the key map.
func TestKeysAreDocumented(t *testing.T) {
	var want strings.Builder
	want.WriteString("| where | key | what it does |\n| --- | --- | --- |\n")
	for _, g := range keyGroups() {
		for _, b := range g.keys {
			fmt.Fprintf(&want, "| %s | `%s` | %s |\n", strings.ToLower(g.title), b.Help().Key, b.Help().Desc)
		}
	}
	doc, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), keysBegin)
	table, tail, ended := strings.Cut(rest, keysEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the keys", guide)
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(guide, []byte(head+keysBegin+want.String()+keysEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), table); diff != "" {
		t.Errorf("%s is not as the key map (-update rewrites it):\n%s", guide, diff)
	}
}

// TestEveryKeyIsListed finds keys that the help and the guide leave out, and
// keys that mean two things in one area.
func TestEveryKeyIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, g := range keyGroups() {
		for _, b := range g.keys {
			listed[fmt.Sprint(b.Keys(), b.Help())] = true
		}
	}
	v := reflect.ValueOf(keys)
	for i := range v.NumField() {
		b := v.Field(i).Interface().(key.Binding)
		if !listed[fmt.Sprint(b.Keys(), b.Help())] {
			t.Errorf("%s is in no group", v.Type().Field(i).Name)
		}
	}
	groups := keyGroups()
	for _, g := range groups[1:] {
		taken := map[string]string{}
		for _, b := range append(append([]key.Binding{}, groups[0].keys...), g.keys...) {
			for _, k := range b.Keys() {
				if taken[k] != "" {
					t.Errorf("%s: %q means %q and %q", g.title, k, taken[k], b.Help().Desc)
				}
				taken[k] = b.Help().Desc
			}
		}
	}
}
