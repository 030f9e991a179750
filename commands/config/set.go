package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bitactor/cf/fault"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Set returns data, the text of a user's file, with key set to the value given
// as text. Every other byte, comments included, stays.
func Set(file string, data []byte, key, text string) ([]byte, error) {
	k, ok := Find(key)
	if !ok {
		return nil, unknownKey(file, key, User)
	}
	v, err := k.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Usage, CodeValue, "%w", err)
	}
	if _, err := Parse(file, data, User); err != nil {
		return nil, err // a broken file is mended by hand, not built upon
	}
	value := encode(v)
	var out []byte
	if at, present := locate(data)[key]; present && at.end > at.start {
		out = append(append(append(out, data[:at.start]...), value...), data[at.end:]...)
	} else {
		end := topEnd(data)
		out = append(out, data[:end]...)
		if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
			out = append(out, '\n')
		}
		out = append(fmt.Appendf(out, "%s = %s\n", key, value), data[end:]...)
	}
	read, err := Parse(file, out, User)
	if err != nil {
		return nil, err
	}
	for _, s := range read.Settings {
		if s.Key.Name == key && s.Value == v {
			return out, nil
		}
	}
	return nil, fault.New(fault.Failed, CodeFile, "can't set %s without breaking the file", key).On("config", file)
}

// topEnd returns where the keys of the top level end: before the first table, or
// at the end of the text.
func topEnd(data []byte) int {
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		if e := p.Expression(); e.Kind == unstable.Table || e.Kind == unstable.ArrayTable {
			key := e.Key()
			if !key.Next() {
				break
			}
			return bytes.LastIndexByte(data[:key.Node().Raw.Offset], '\n') + 1
		}
	}
	return len(data)
}

// encode writes a TOML value.
func encode(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if v == float64(int64(v)) {
			s += ".0"
		}
		return s
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a TOML basic string; \uXXXX and \UXXXXXXXX are TOML's own
// escapes (https://toml.io/en/v1.0.0#string).
func quote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = fmt.Appendf(b, "\\u%04x", r)
		default:
			b = append(b, string(r)...)
		}
	}
	return string(append(b, '"'))
}

// Edit sets key in the user's file, which it makes if need be. The new text
// replaces the old one in a single step, so that no reader sees half a file;
// a symbolic link stays one. With dryRun nothing is written.
func Edit(file, key, text string, dryRun bool) error {
	target, err := filepath.EvalSymlinks(file)
	if errors.Is(err, os.ErrNotExist) {
		target, err = file, nil
	}
	if err != nil {
		return fault.New(fault.Failed, CodeFile, "%w", err).On("config", "")
	}
	data, err := readFile(target)
	if err != nil {
		return err
	}
	out, err := Set(file, data, key, text)
	if err != nil || dryRun || bytes.Equal(out, data) {
		return err
	}
	if err := replace(target, out); err != nil {
		return fault.New(fault.Failed, CodeFile, "%w", err).On("config set", "")
	}
	return nil
}

func replace(file string, data []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".config-*.toml") // created 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
