package scaffold

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestChecksAreDocumented keeps the table of docs/scaffold.md equal to Checks.
func TestChecksAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/scaffold.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, c := range Checks() {
		fmt.Fprintf(&want, "| `%s` | %s |\n", c.Name, c.Means)
	}
	_, table, _ := strings.Cut(string(page), "| name | means |\n| --- | --- |\n")
	if table != want.String() {
		t.Errorf("docs/scaffold.md ends in\n%s\nwant\n%s", table, want.String())
	}
}
