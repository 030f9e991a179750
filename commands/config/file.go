package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
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

// Parse reads a config file in which keys of the given scope are allowed; file
// is its name in errors. The settings come in the table's order.
func Parse(file string, data []byte, scope Scope) ([]Setting, error) {
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
	var settings []Setting
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
		settings = append(settings, Setting{k, v, where})
	}
	return settings, nil
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

// structOf builds the struct type that holds exactly these keys, so that the
// strict decoder rejects every other one with its position.
func structOf(allowed []Key) reflect.Type {
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
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("K%d", i),
			Type: reflect.PointerTo(reflect.TypeOf(zero)),
			Tag:  reflect.StructTag(fmt.Sprintf(`toml:"%s"`, k.Name)),
		}
	}
	return reflect.StructOf(fields)
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
	for name, at := range locate(data) {
		k, known := Find(name)
		if known && at.line == line && column > at.column { // at the value, not at the key
			return fault.New(fault.Usage, CodeValue, "%s is %s", k.Name, article(k.Kind)).On("config", position(file, line, column))
		}
	}
	return fault.New(fault.Usage, CodeFile, "%s", reason).On("config", position(file, line, column))
}

func unknownKey(where, name string, scope Scope) error {
	e := fault.New(fault.Usage, CodeKey, "unknown key %q", name).On("config", where)
	if k, known := Find(name); known && k.Scope != Repo && scope == Repo {
		return e.Hint(fmt.Sprintf("a repository's file may not set %s; put it into your own file: cf config set %s VALUE", name, name))
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

// locate finds the top-level keys of a TOML text, as far as it is valid.
func locate(data []byte) map[string]place {
	places := map[string]place{}
	var p unstable.Parser
	p.Reset(data)
	top := true
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue {
			top = top && e.Kind == unstable.Comment
			continue
		}
		key := e.Key()
		if !key.Next() || !top {
			continue
		}
		node := key.Node()
		name := string(node.Data)
		at := p.Shape(node.Raw).Start
		pl := place{line: at.Line, column: at.Column}
		if v := e.Value(); v != nil && v.Raw.Length > 0 {
			pl.start, pl.end = int(v.Raw.Offset), int(v.Raw.Offset+v.Raw.Length)
		}
		places[strings.ToLower(name)] = pl
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
