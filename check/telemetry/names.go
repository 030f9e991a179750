package telemetry

import (
	"slices"
	"strings"
)

// ownNames answers which names the tree emits.
type ownNames struct {
	exact    map[kind]map[string][]emission
	patterns map[kind][]emission
	prefixes map[string]bool // first parts of the metrics' names
	roots    map[string]bool // first parts of the events' names
}

// generalPrefixes begin the names of metrics that any program may emit: such a name
// is not the project's own because another of its kind is.
var generalPrefixes = []string{
	"http", "https", "grpc", "rpc", "process", "go", "node", "container", "kube", "up", "python", "erlang", "beam", "jvm", "system", "db", "sql", "redis", "postgres", "pg",
	"mysql", "nginx", "kafka", "prometheus", "promhttp", "net", "tcp", "api", "app", "server", "client", "service", "request", "requests", "response", "messaging", "queue", "cache", "job", "jobs",
	"aws", "envoy", "istio", "traefik", "etcd", "otel", "otelcol", "target", "scrape", "apiserver", "kubelet", "cadvisor", "blackbox", "probe", "vm", "total", "active", "current", "max", "min", "number",
}

// owned sorts what is emitted.
func owned(f *facts) ownNames {
	o := ownNames{map[kind]map[string][]emission{}, map[kind][]emission{}, map[string]bool{}, map[string]bool{}}
	for _, app := range f.apps {
		o.roots[app] = true
	}
	for _, e := range f.emitted {
		for _, name := range spellings(e) {
			if strings.Contains(name, "*") {
				e := e
				e.name = name
				o.patterns[e.kind] = append(o.patterns[e.kind], e)
				continue
			}
			if o.exact[e.kind] == nil {
				o.exact[e.kind] = map[string][]emission{}
			}
			o.exact[e.kind][name] = append(o.exact[e.kind][name], e)
		}
		if e.test {
			continue
		}
		switch e.kind {
		case metric:
			first, _, _ := strings.Cut(strings.NewReplacer(".", "_", ":", "_").Replace(e.name), "_")
			if first != "" && !strings.Contains(first, "*") && !slices.Contains(generalPrefixes, first) && len(first) > 2 {
				o.prefixes[first] = true
			}
		case event:
			if first, _, _ := strings.Cut(e.name, "."); !strings.Contains(first, "*") {
				o.roots[first] = true
			}
		}
	}
	return o
}

// spellings returns the names under which an emission may be seen. An exporter of
// OpenTelemetry replaces dots, and may add the unit and _total
// (opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics).
func spellings(e emission) []string {
	if e.kind != metric || !e.otel {
		return []string{e.name}
	}
	base := strings.NewReplacer(".", "_", "-", "_", "/", "_").Replace(e.name)
	units := []string{""}
	if end := unitEnds[e.unit]; end != "" {
		units = append(units, "_"+end)
	}
	if e.unit == "1" {
		units = append(units, "_ratio")
	}
	var out []string
	for _, unit := range units {
		out = append(out, base+unit, base+unit+"_total", base+unit+"_sum")
		if e.typ == "counter" {
			out = append(out, base+"_total"+unit)
		}
		if unit == "" && e.unit == "" { // the unit may be given where it is not seen
			out = append(out, base+"_seconds", base+"_milliseconds", base+"_bytes")
		}
	}
	return append(out, e.name)
}

// metricEnds are what a histogram and a summary add to their names, and what a
// client library adds to a counter's.
var metricEnds = []string{"_bucket", "_count", "_sum", "_total", "_created", "_max", "_min"}

// answers returns what emits a used name. unknown tells that a name of which too
// little is known might be it.
func (o ownNames) answers(u use) (found []emission, unknown bool) {
	names := []string{u.name}
	if u.kind == metric {
		for _, end := range metricEnds {
			if base, ok := strings.CutSuffix(u.name, end); ok {
				names = append(names, base)
			}
		}
		names = append(names, u.name+"_total")
	}
	for _, n := range names {
		found = append(found, o.exact[u.kind][n]...)
	}
	for _, p := range o.patterns[u.kind] {
		if p.test && !isTest(u.file) {
			continue // what a test puts together is for tests
		}
		for _, n := range names {
			if fits(u.kind, p.name, n) {
				if strings.Trim(p.name, "*._") == "" {
					unknown = true
				} else {
					found = append(found, p)
				}
				break
			}
		}
	}
	return found, unknown
}

// fits tells whether a name is one of those that a pattern stands for.
func fits(k kind, pattern, name string) bool {
	if k == event {
		return fitsParts(strings.Split(pattern, "."), strings.Split(name, "."))
	}
	pieces := strings.Split(pattern, "*")
	if !strings.HasPrefix(name, pieces[0]) {
		return false
	}
	name = name[len(pieces[0]):]
	for _, p := range pieces[1:] {
		at := strings.LastIndex(name, p)
		if at < 0 {
			return false
		}
		name = name[at+len(p):]
	}
	return strings.HasSuffix(pattern, "*") || name == "" || slices.Contains(metricEnds, name)
}

func fitsParts(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return fitsParts(pattern[1:], name) || len(name) > 0 && fitsParts(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == name[0]) && fitsParts(pattern[1:], name[1:])
}

// libraryEvents are ends of events that libraries emit under the application's own
// name: Ecto's repositories (hexdocs.pm/ecto, "Telemetry events") and plugs.
var libraryEvents = []string{".query", ".repo.init", ".repo.query"}

// pollerEvents are those that telemetry_poller sends by itself (hexdocs.pm/telemetry_poller).
var pollerEvents = []string{"vm.memory", "vm.total_run_queue_lengths", "vm.system_counts", "vm.persistent_term"}

// meant tells whether a use can only mean something of this project's.
func (o ownNames) meant(u use) bool {
	switch u.kind {
	case metric:
		first, _, _ := strings.Cut(strings.ReplaceAll(u.name, ":", "_"), "_")
		return !strings.HasPrefix(u.name, "ALERTS") && (o.prefixes[first] || o.nearest(u) != "")
	case event:
		first, _, _ := strings.Cut(u.name, ".")
		return o.roots[first] && !slices.Contains(pollerEvents, u.name) && !slices.ContainsFunc(libraryEvents, func(end string) bool { return strings.HasSuffix(u.name, end) })
	case span:
		return len(o.exact[span]) > 0 && o.nearest(u) != ""
	case logKey:
		return len(o.exact[logKey]) > 0 && (u.by == "the logger's configuration" || o.nearest(u) != "")
	}
	return false
}

// nearest returns the emitted name that a used one is a misspelling of, or "".
// Names that differ by a number only are not taken for each other.
func (o ownNames) nearest(u use) string {
	best, least := "", 3
	for n := range o.exact[u.kind] {
		if len(n) < 6 || len(u.name) < 6 || abs(len(n)-len(u.name)) > 2 {
			continue
		}
		most := 2
		if len(n) < 12 {
			most = 1
		}
		d := distance(n, u.name)
		if d > 0 && d <= most && (d < least || d == least && n < best) && !onlyDigits(n, u.name) {
			best, least = n, d
		}
	}
	return best
}

// bases are the names that a series with an added end may belong to.
func bases(name string) (out []string) {
	for _, end := range metricEnds {
		if base, ok := strings.CutSuffix(name, end); ok {
			out = append(out, base)
		}
	}
	return out
}

func abs(n int) int { return max(n, -n) }

func onlyDigits(a, b string) bool {
	strip := func(s string) string { return strings.Trim(s, "0123456789") }
	return strip(a) == strip(b)
}

// distance is the number of letters to insert, delete, replace or swap with the
// next (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now := make([]int, len(b)+1)
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last = last, now
	}
	return last[len(b)]
}

// literals returns the texts that would emit a used name if they stood in code.
func literals(u use) []string {
	switch u.kind {
	case metric:
		out := []string{u.name}
		for _, end := range metricEnds {
			if base, ok := strings.CutSuffix(u.name, end); ok {
				out = append(out, base)
			}
		}
		var quoted []string
		for _, n := range out {
			quoted = append(quoted, `"`+n+`"`, `'`+n+`'`, n+"{", "TYPE "+n+" ", ":"+n+",", ":"+n+"]", ":"+n+")", ":"+n+"\n", "{name, "+n+"}")
		}
		return quoted
	case span, logKey:
		return []string{`"` + u.name + `"`, "'" + u.name + "'", u.name + ":", u.name + "="}
	}
	return nil
}

// core is the part of a name that each of its literals has, so that files without it are
// passed over at once.
func core(u use) string {
	least := u.name
	for _, end := range metricEnds {
		if base, ok := strings.CutSuffix(u.name, end); ok && u.kind == metric && len(base) < len(least) {
			least = base
		}
	}
	return least
}

// rests returns what is left of a metric's name where a client library is given its
// first parts apart, as a namespace and a subsystem.
func rests(u use) (out []string) {
	if u.kind != metric {
		return nil
	}
	names := []string{u.name}
	for _, end := range metricEnds {
		if base, ok := strings.CutSuffix(u.name, end); ok {
			names = append(names, base)
		}
	}
	for _, n := range names {
		for range 3 {
			_, rest, ok := strings.Cut(n, "_")
			if !ok || len(rest) < 4 {
				break
			}
			out = append(out, `"`+rest+`"`, "'"+rest+"'")
			n = rest
		}
	}
	return out
}
