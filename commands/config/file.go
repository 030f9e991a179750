package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxFileBytes is the size of the largest file that is read.
const MaxFileBytes = 1 << 20

// Setting is one key of a file.
type Setting struct {
	Key   Key
	Value any    // string, bool, int64 or float64
	Where string // file:line:column
}

// File is what a config file holds.
type File struct {
	Settings []Setting // in the table's order
	Checks   []Check   // by name
}

// Parse reads a config file in which keys of the given scope are allowed; file
// is its name in errors.
func Parse(file string, data []byte, scope Scope) (*File, error) {
	if len(data) > MaxFileBytes {
		return nil, tooBig(file)
	}
	allowed := allowedKeys(scope)
	target := reflect.New(structOf(allowed))
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := d.Decode(target.Interface()); err != nil {
		return nil, explain(file, data, scope, err)
	}
	places := locate(data)
	out := &File{}
	for i, k := range allowed {
		field := target.Elem().Field(i)
		if field.IsNil() {
			continue
		}
		at := places[k.Name]
		where := position(file, at.line, at.column)
		v, err := k.check(field.Elem().Interface())
		if err != nil {
			return nil, fault.New(fault.Usage, CodeValue, "%w", err).On("config", where)
		}
		out.Settings = append(out.Settings, Setting{k, v, where})
	}
	tables := map[string][]any{}
	for entries := target.Elem().Field(len(allowed)).MapRange(); entries.Next(); {
		values := make([]any, len(checkKeys))
		for i := range checkKeys {
			if v := entries.Value().Field(i); !v.IsNil() {
				values[i] = v.Elem().Interface()
			}
		}
		tables[entries.Key().String()] = values
	}
	var err error
	out.Checks, err = readChecks(file, tables, places)
	return out, err
}

func allowedKeys(scope Scope) []Key {
	var out []Key
	for _, k := range keys {
		if scope == User || k.Scope == Repo {
			out = append(out, k)
		}
	}
	return out
}

// structOf builds the struct type that holds exactly these keys and the check
// tables, so that the strict decoder rejects every other one with its position.
func structOf(allowed []Key) reflect.Type {
	return reflect.StructOf(append(fieldsOf(allowed), reflect.StructField{
		Name: "Check", Type: reflect.MapOf(reflect.TypeFor[string](), reflect.StructOf(fieldsOf(checkKeys))), Tag: `toml:"check"`,
	}))
}

func fieldsOf(allowed []Key) []reflect.StructField {
	fields := make([]reflect.StructField, len(allowed))
	for i, k := range allowed {
		var zero any = ""
		switch k.Kind {
		case Bool:
			zero = false
		case Int:
			zero = int64(0)
		case Number:
			zero = float64(0)
		case List:
			zero = []string(nil)
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("K%d", i),
			Type: reflect.PointerTo(reflect.TypeOf(zero)),
			Tag:  reflect.StructTag(fmt.Sprintf(`toml:"%s"`, k.Name)),
		}
	}
	return fields
}

// explain turns the decoder's error into one with file:line:column.
func explain(file string, data []byte, scope Scope, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, column := first.Position()
		return unknownKey(position(file, line, column), strings.Join(first.Key(), "."), scope)
	}
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return fault.New(fault.Usage, CodeFile, "%w", err).On("config", file)
	}
	line, column := decode.Position()
	reason := strings.TrimPrefix(decode.Error(), "toml: ")
	if strings.Contains(reason, "struct {") { // the library speaks of our types
		reason = "checks are tables [check.NAME] with the keys " + strings.Join(names(checkKeys), ", ")
	}
	for name, at := range locate(data) {
		k, known := Find(name)
		if parts := strings.Split(name, "."); len(parts) == 3 && parts[0] == "check" {
			k, known = findIn(checkKeys, parts[2])
			k.Name = name
		}
		if known && at.line == line && column > at.column { // at the value, not at the key
			return fault.New(fault.Usage, CodeValue, "%s is %s", k.Name, article(k.Kind)).On("config", position(file, line, column))
		}
	}
	return fault.New(fault.Usage, CodeFile, "%s", reason).On("config", position(file, line, column))
}

func findIn(table []Key, name string) (Key, bool) {
	i := slices.IndexFunc(table, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return table[i], true
}

func unknownKey(where, name string, scope Scope) error {
	e := fault.New(fault.Usage, CodeKey, "unknown key %q", name).On("config", where)
	if k, known := Find(name); known && k.Scope != Repo && scope == Repo {
		return e.Hint(fmt.Sprintf("a repository's file may not set %s; put it into your own file: cf config set %s VALUE", name, name))
	}
	if parts := strings.Split(name, "."); len(parts) == 3 && parts[0] == "check" {
		return e.Hint("a table [check.NAME] has the keys " + strings.Join(names(checkKeys), ", "))
	}
	if near := Nearest(name, names(allowedKeys(scope))); near != "" {
		return e.Hint(fmt.Sprintf("did you mean %q?", near))
	}
	return e.Hint("cf config list shows every key")
}

func names(ks []Key) []string {
	out := make([]string, len(ks))
	for i, k := range ks {
		out[i] = k.Name
	}
	return out
}

// place is where a key's value stands in a file.
type place struct {
	line, column int // of the key, from 1
	start, end   int // bytes of the value
}

// locate finds the keys of a TOML text, as far as it is valid: those of the top
// level by their first word, those of tables by their whole path ("check.x.run"),
// and the tables themselves.
func locate(data []byte) map[string]place {
	places := map[string]place{}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue && e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			continue
		}
		var words []string
		var at unstable.Position
		for key := e.Key(); key.Next(); {
			if len(words) == 0 {
				at = p.Shape(key.Node().Raw).Start
			}
			words = append(words, strings.ToLower(string(key.Node().Data)))
		}
		if len(words) == 0 {
			continue
		}
		pl := place{line: at.Line, column: at.Column}
		if e.Kind != unstable.KeyValue {
			table = strings.Join(words, ".")
			places[table] = pl
			continue
		}
		if v := e.Value(); v != nil && v.Raw.Length > 0 {
			pl.start, pl.end = int(v.Raw.Offset), int(v.Raw.Offset+v.Raw.Length)
		}
		if table == "" {
			places[words[0]] = pl
		}
		if whole := strings.Join(append([]string{table}, words...), "."); len(words) > 1 || table != "" {
			places[strings.TrimPrefix(whole, ".")] = pl
		}
	}
	return places
}

func position(file string, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

func tooBig(file string) error {
	return fault.New(fault.Usage, CodeSize, "larger than %d bytes", MaxFileBytes).On("config", position(file, 1, 1))
}

func checkInfo(file string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fault.New(fault.Usage, CodeFile, "not a regular file").On("config", file)
	}
	if info.Size() > MaxFileBytes {
		return tooBig(file)
	}
	return nil
}

// readFile returns nil for a file that does not exist.
func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", "")
	}
	if err := checkInfo(file, info); err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", "")
	}
	defer f.Close()
	return readAll(file, f)
}

func readAll(file string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", file)
	}
	if len(data) > MaxFileBytes {
		return nil, tooBig(file)
	}
	return data, nil
}
