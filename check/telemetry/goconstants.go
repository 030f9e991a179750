package telemetry

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

// A part of a metric's name in Go that is a constant of another file stands in the name
// as "<folder package.Name>" until all files are read; then as its value, or as "*".
var (
	goConstant = lazyregexp.New(`^(?:([a-z]\w*)\.)?([A-Z]\w*)$`)
	goNamed    = lazyregexp.New(`<([^<> ]*) (\w*)\.(\w+)>`)
	goPackage  = lazyregexp.New(`(?m)^package (\w+)`)
)

// shared is the place that a constant of another file keeps in a name: an exported one,
// since others may be the name of a parameter here.
func (g *golang) shared(text string) (string, bool) {
	m := goConstant.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	if m[1] != "" {
		return "< " + m[1] + "." + m[2] + ">", true
	}
	return "<" + path.Dir(g.path) + " ." + m[2] + ">", true
}

var (
	goImport  = lazyregexp.New(`(?m)^(?:import)?\s+(\w+ )?"([\w.]+\.\w+/[\w./-]+)"`)
	goVersion = lazyregexp.New(`/v\d+$`)
	goOwner   = lazyregexp.New(`^[^/]+/[^/]+/[^/]+(?:/v\d+)?/?`)
)

// apart takes away what packages of the tree itself are told to emit under a prefix: their
// files say more exactly what it is. One of another module has no folder here.
func (t *tree) apart() {
	folders := map[string]bool{}
	for _, file := range t.code {
		folders[path.Dir(file)] = true
	}
	t.facts.emitted = slices.DeleteFunc(t.facts.emitted, func(e emission) bool {
		return e.by != "" && folders[path.Clean(goOwner.ReplaceAllString(e.by, ""))]
	})
}

// resolve puts the values of constants in their places.
func (t *tree) resolve(ctx context.Context) error {
	t.apart()
	values := map[string]string{} // by place; "*" where constants of that name differ
	for _, e := range t.facts.emitted {
		for _, place := range goNamed.FindAllString(e.name, -1) {
			values[place] = ""
		}
	}
	if len(values) == 0 {
		return nil
	}
	for _, file := range t.code {
		if err := ctx.Err(); err != nil {
			return err
		}
		if path.Ext(file) == ".go" && !isTest(file) && !vendored(file) {
			t.constants(file, values)
		}
	}
	for i, e := range t.facts.emitted {
		t.facts.emitted[i].name = goNamed.ReplaceAllStringFunc(e.name, func(place string) string {
			if values[place] == "" {
				return "*"
			}
			return values[place]
		})
	}
	return nil
}

// constants notes the values that one file gives to those that are looked for.
func (t *tree) constants(file string, values map[string]string) {
	text, err := t.stage.Read(file)
	if err != nil {
		return // no text: nothing is defined there
	}
	of := goPackage.FindSubmatch(text)
	for place := range values {
		m := goNamed.FindStringSubmatch(place)
		if of == nil || !bytes.Contains(text, []byte(m[3])) || m[2] != "" && m[2] != string(of[1]) || m[2] == "" && m[1] != path.Dir(file) {
			continue
		}
		set := regexp.MustCompile(`(?m)^\s*(?:const\s+)?` + m[3] + `(?:\s+string)?\s*=\s*"([^"\\]*)"`)
		for _, found := range set.FindAllSubmatch(text, -1) {
			value := strings.TrimSpace(string(found[1]))
			if old := values[place]; value == "" || old != "" && old != value {
				value = "*"
			}
			values[place] = value
		}
	}
}
