package scaffold

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/bitactor/cf/lazyregexp"
)

// Variable is what a block lets the user choose. Its value is text that templates
// put into files of many languages: the types allow no character that means
// something in one of them.
type Variable struct {
	Type    string   `yaml:"type"`    // string, int, bool, enum, port, image or dns-name
	Default any      `yaml:"default"` // a scalar
	Help    string   `yaml:"help"`
	Values  []string `yaml:"values"` // of an enum
}

// forms are the types that a pattern describes.
var forms = map[string]*lazyregexp.Regexp{
	"string": lazyregexp.New(`^[A-Za-z0-9 ._/:@+=,-]{0,200}$`),
	"int":    lazyregexp.New(`^-?\d{1,15}$`),
	"bool":   lazyregexp.New(`^(true|false)$`),
	"port":   lazyregexp.New(`^\d{1,5}$`),
	// https://github.com/distribution/reference: domain, path, tag, digest
	"image": lazyregexp.New(`^[a-z0-9]+([._:/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`),
	// RFC 1123 labels
	"dns-name": lazyregexp.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`),
}

// value returns the variable's default.
func (v Variable) value() string { return fmt.Sprint(v.Default) }

// validate refuses a variable that is declared wrongly.
func (v Variable) validate(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q is no name: lower-case letters, digits and underscores", name)
	case v.Default == nil:
		return fmt.Errorf("%s has no default", name)
	case v.Help == "":
		return fmt.Errorf("%s has no help", name)
	case v.Type == "enum" && len(v.Values) == 0:
		return fmt.Errorf("%s is an enum without values", name)
	case v.Type != "enum" && forms[v.Type] == nil:
		return fmt.Errorf("%s has the unknown type %q", name, v.Type)
	}
	return v.accept(name, v.value())
}

// accept says why value is none for the variable called name.
func (v Variable) accept(name, value string) error {
	if v.Type == "enum" {
		if !slices.Contains(v.Values, value) {
			return fmt.Errorf("%s is one of %q, not %q", name, v.Values, value)
		}
		return nil
	}
	if !forms[v.Type].MatchString(value) {
		return fmt.Errorf("%s: %q is no %s", name, value, v.Type)
	}
	if n, _ := strconv.Atoi(value); v.Type == "port" && (n < 1 || n > 65535) {
		return fmt.Errorf("%s: a port is 1 to 65535, not %q", name, value)
	}
	return nil
}

func (v Variable) equal(o Variable) bool {
	return v.Type == o.Type && v.value() == o.value() && slices.Equal(v.Values, o.Values)
}
