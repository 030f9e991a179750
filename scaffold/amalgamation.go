package scaffold

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/bitactor/cf/core"
	"github.com/bitactor/cf/lazyregexp"
)

// ourInclude is a line that includes a file of the core; what follows is dropped
// with it.
var ourInclude = lazyregexp.New(`^#include "([^"]+)"`)

// coreSources are the core's translation units in the order of the amalgamation.
var coreSources = []string{"ring.c", "telemetry.c", "pool.c", "trace.c", "context.c", "dispatch.c"}

// amalgamation returns the C core as one header and one source in the folder dir:
// the bytes that core/amalgamate.sh writes.
func amalgamation(dir string) ([]File, error) {
	header, err := inline(core.Sources, "include/bitactor.h", map[string]bool{})
	if err != nil {
		return nil, err
	}
	var source bytes.Buffer
	source.WriteString("/* bitactor.c: the BitActor core in one file; see bitactor.h. */\n#include \"bitactor.h\"\n")
	for _, name := range coreSources {
		text, err := fs.ReadFile(core.Sources, name)
		if err != nil {
			return nil, err
		}
		source.WriteByte('\n')
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, `#include "bitactor`) {
				source.WriteString(line)
			}
		}
	}
	return []File{
		{Path: path.Join(dir, "bitactor.c"), Content: source.Bytes(), Mode: 0o644},
		{Path: path.Join(dir, "bitactor.h"), Content: header, Mode: 0o644},
	}, nil
}

// inline returns a file of the core with the core's own includes replaced by their
// text, each header once; a .def file is read as often as it is named, on purpose.
func inline(sources fs.FS, name string, seen map[string]bool) ([]byte, error) {
	text, err := fs.ReadFile(sources, name)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		m := ourInclude.FindStringSubmatch(line)
		if m == nil {
			out.WriteString(line)
			continue
		}
		file := "include/bitactor/" + path.Base(m[1])
		if base := path.Base(m[1]); base == "bitactor.h" || base == "signal.def" {
			file = "include/" + base
		}
		if path.Ext(file) != ".def" {
			if seen[file] {
				continue
			}
			seen[file] = true
		}
		part, err := inline(sources, file, seen)
		if err != nil {
			return nil, err
		}
		out.Write(part)
	}
	return out.Bytes(), nil
}
