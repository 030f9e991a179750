package mend

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// standard lists the packages of Go's standard library (go list std, Go 1.26,
// without internal and vendored ones).
var standard = strings.Fields(`archive/tar archive/zip bufio bytes cmp compress/bzip2 compress/flate compress/gzip compress/lzw
compress/zlib container/heap container/list container/ring context crypto crypto/aes crypto/cipher crypto/des crypto/dsa crypto/ecdh
crypto/ecdsa crypto/ed25519 crypto/elliptic crypto/hkdf crypto/hmac crypto/hpke crypto/md5 crypto/mlkem crypto/pbkdf2 crypto/rand
crypto/rc4 crypto/rsa crypto/sha1 crypto/sha256 crypto/sha3 crypto/sha512 crypto/subtle crypto/tls crypto/x509 crypto/x509/pkix
database/sql database/sql/driver debug/buildinfo debug/dwarf debug/elf debug/gosym debug/macho debug/pe debug/plan9obj embed encoding
encoding/ascii85 encoding/asn1 encoding/base32 encoding/base64 encoding/binary encoding/csv encoding/gob encoding/hex encoding/json
encoding/pem encoding/xml errors expvar flag fmt go/ast go/build go/build/constraint go/constant go/doc go/doc/comment go/format
go/importer go/parser go/printer go/scanner go/token go/types go/version hash hash/adler32 hash/crc32 hash/crc64 hash/fnv hash/maphash
html html/template image image/color image/color/palette image/draw image/gif image/jpeg image/png index/suffixarray io io/fs io/ioutil
iter log log/slog log/syslog maps math math/big math/bits math/cmplx math/rand math/rand/v2 mime mime/multipart mime/quotedprintable net
net/http net/http/cgi net/http/cookiejar net/http/fcgi net/http/httptest net/http/httptrace net/http/httputil net/http/pprof net/mail
net/netip net/rpc net/rpc/jsonrpc net/smtp net/textproto net/url os os/exec os/signal os/user path path/filepath plugin reflect regexp
regexp/syntax runtime runtime/cgo runtime/coverage runtime/debug runtime/metrics runtime/pprof runtime/race runtime/trace slices sort
strconv strings structs sync sync/atomic syscall testing testing/cryptotest testing/fstest testing/iotest testing/quick testing/slogtest
testing/synctest text/scanner text/tabwriter text/template text/template/parse time time/tzdata unicode unicode/utf16 unicode/utf8
unique unsafe weak`)

// byName holds the standard packages of each name.
var byName = func() map[string][]string {
	m := map[string][]string{}
	for _, p := range standard {
		m[packageName(p)] = append(m[packageName(p)], p)
	}
	return m
}()

// telling are members that only one of several packages of a name has.
var telling = map[string][]string{
	"crypto/rand":    {"Reader", "Prime", "Text"},
	"math/rand/v2":   {"IntN", "Int32N", "Int64N", "N", "UintN", "Uint32N", "Uint64N", "NewPCG", "NewChaCha8"},
	"math/rand":      {"Intn", "Int31n", "Int63n", "Int31", "Int63", "Seed", "NewSource"},
	"html/template":  {"HTML", "JS", "CSS", "URL", "HTMLAttr"},
	"text/template":  {"New", "Must", "ParseFiles", "FuncMap"},
	"runtime/pprof":  {"StartCPUProfile", "StopCPUProfile", "WriteHeapProfile", "Lookup"},
	"go/scanner":     {"ErrorList", "ScanComments"},
	"text/scanner":   {"Scanner", "Position", "TokenString", "EOF", "Ident"},
	"net/http/pprof": {"Index", "Cmdline", "Profile", "Symbol", "Trace"},
}

var majorVersion = lazyregexp.New(`^v[0-9]+$`)

// packageName returns the name that a standard package has, and most others.
func packageName(importPath string) string {
	name := path.Base(importPath)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(importPath))
	}
	return name
}

func isStandard(importPath string) bool {
	return slices.Contains(byName[packageName(importPath)], importPath)
}

// imports adds the imports that are missing, as the package's other files import
// them or from the standard library, and takes out those of the standard library
// that nothing uses.
func imports(f *goFile, p Package) ([]syntax.Edit, []string) {
	used := f.selected()
	var edits []syntax.Edit
	var did []string
	has := map[string]bool{}
	for _, spec := range f.file.Imports {
		importPath, name := pathOf(spec), nameOf(spec)
		has[name] = true
		if isStandard(importPath) && spec.Name == nil && used[name] == nil {
			edits = append(edits, f.without(spec))
			did = append(did, "import taken out: "+importPath)
		}
	}
	declared := declaredBy(p)
	var missing []string
	for name, members := range used {
		if has[name] || declared[name] {
			continue
		}
		if found := p.imported(name); found != "" {
			missing = append(missing, found)
		} else if found := fromStandard(name, members); found != "" {
			missing = append(missing, strconv.Quote(found))
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		edits = append(edits, f.with(missing))
	}
	for _, spec := range missing {
		did = append(did, "import added: "+spec)
	}
	return edits, did
}

// selected returns, for each name that the file does not declare, the members
// that are selected of it: candidates for packages.
func (f *goFile) selected() map[string][]string {
	open := map[*ast.Ident]bool{}
	for _, id := range f.file.Unresolved {
		open[id] = true
	}
	used := map[string][]string{}
	ast.Inspect(f.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && open[id] {
				used[id.Name] = append(used[id.Name], s.Sel.Name)
			}
		}
		return true
	})
	return used
}

func pathOf(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
	return p
}

func nameOf(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	return packageName(pathOf(spec))
}

func declaredBy(p Package) map[string]bool {
	names := map[string]bool{}
	for _, source := range p.Siblings {
		if f, ok := parseGo(source); ok {
			for name := range f.file.Scope.Objects {
				names[name] = true
			}
		}
	}
	return names
}

// imported returns the spec by which the package's other files import name, ""
// where none does or they disagree.
func (p Package) imported(name string) string {
	found := ""
	for _, source := range p.Siblings {
		f, ok := parseGo(source)
		if !ok {
			continue
		}
		for _, spec := range f.file.Imports {
			if nameOf(spec) != name {
				continue
			}
			text := f.source[f.at(spec.Pos()):f.at(spec.End())]
			if found != "" && found != text {
				return ""
			}
			found = text
		}
	}
	return found
}

// fromStandard returns the standard package called name that has the members.
func fromStandard(name string, members []string) string {
	paths := byName[name]
	if len(paths) == 1 {
		return paths[0]
	}
	found := ""
	for _, p := range paths {
		if slices.ContainsFunc(members, func(m string) bool { return slices.Contains(telling[p], m) }) {
			if found != "" {
				return ""
			}
			found = p
		}
	}
	return found
}

// without is the edit that takes an import out, with its line, or its whole
// declaration where it is alone in it.
func (f *goFile) without(spec *ast.ImportSpec) syntax.Edit {
	start, end := f.at(spec.Pos()), f.at(spec.End())
	for _, d := range f.file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT && len(g.Specs) == 1 && g.Specs[0] == ast.Spec(spec) {
			start, end = f.at(g.Pos()), f.at(g.End())
		}
	}
	if at := strings.LastIndexByte(f.source[:start], '\n'); strings.TrimSpace(f.source[at+1:start]) == "" {
		start = at + 1
	}
	if at := strings.IndexByte(f.source[end:], '\n'); at >= 0 {
		rest := strings.TrimSpace(f.source[end : end+at])
		if rest == "" || strings.HasPrefix(rest, "//") {
			end += at + 1
		}
	}
	if strings.HasSuffix(f.source[:start], "\n\n") && strings.HasPrefix(f.source[end:], "\n") {
		end++ // one blank line in its place, not two
	}
	return syntax.Edit{Start: start, End: end}
}

// with is the edit that adds imports: at the end of the first group of the import
// declaration, or in one of their own.
func (f *goFile) with(specs []string) syntax.Edit {
	block := "import (\n\t" + strings.Join(specs, "\n\t") + "\n)\n"
	if len(specs) == 1 {
		block = "import " + specs[0] + "\n"
	}
	var last *ast.GenDecl
	for _, d := range f.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.IMPORT {
			continue
		}
		last = g
		if g.Lparen.IsValid() {
			at := f.at(g.Lparen) + 1
			return syntax.Edit{Start: at, End: at, New: []byte("\n\t" + strings.Join(specs, "\n\t"))}
		}
	}
	if last == nil {
		at := f.lineEnd(f.file.Name.End())
		return syntax.Edit{Start: at, End: at, New: []byte("\n" + block)}
	}
	at := f.lineEnd(last.End())
	return syntax.Edit{Start: at, End: at, New: []byte(block)}
}

// lineEnd returns the offset behind the line of pos.
func (f *goFile) lineEnd(pos token.Pos) int {
	at := f.at(pos)
	if i := strings.IndexByte(f.source[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(f.source)
}
