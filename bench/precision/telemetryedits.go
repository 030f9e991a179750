package precision

import (
	"math/rand/v2"
	"path"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

var runbookLine = lazyregexp.New(`(?m)^\s+runbook(?:_url)?:\s*(\S+)\n`)

func runbookRemoved(s *site, _ *rand.Rand) (out []mutation) {
	for _, file := range s.uses {
		text := s.texts[file]
		for _, m := range runbookLine.FindAllStringSubmatchIndex(text, -1) {
			f := one(file, replaced(text, m[0], m[1], ""))
			f.place += " " + text[m[2]:m[3]]
			out = append(out, f)
		}
	}
	return out
}

// runbookGone names another file, or another heading of it.
func runbookGone(s *site, r *rand.Rand) (out []mutation) {
	for _, file := range s.uses {
		text := s.texts[file]
		for _, m := range runbookLine.FindAllStringSubmatchIndex(text, -1) {
			page, heading, linked := strings.Cut(strings.Trim(text[m[2]:m[3]], `"'`), "#")
			switch {
			case linked && len(heading) > 3 && r.IntN(2) == 0:
				heading = pick(r, heading[:len(heading)-2], heading+"s", "runbook-"+heading)
			case strings.HasSuffix(page, ".md"):
				page = path.Dir(page[len("https:/"):]) + pick(r, "/runbook.md", "/alerts.md", "/"+strings.ToUpper(path.Base(page)))
				page = "https:/" + page
			default:
				continue
			}
			now := page
			if linked {
				now += "#" + heading
			}
			if s.holds(now) {
				continue
			}
			f := one(file, replaced(text, m[2], m[3], now))
			f.place += " " + now
			out = append(out, f)
		}
	}
	return out
}

var (
	exEvent    = lazyregexp.New(`\bevent:\s*\[((?::\w+,\s*)+):(\w+)\]`)
	exExecute  = lazyregexp.New(`\bTelemetry\.(?:execute|span)\(\s*\[((?::\w+,\s*)+):(\w+)\]`)
	lastEnd    = lazyregexp.New(`(?m)^end\n*\z`)
	eventWords = []string{"finished", "begun", "evicted", "expired", "renewed", "paused"}
)

// deafHandler attaches a handler, or feeds a metric, with an event whose last part is
// another.
func deafHandler(s *site, r *rand.Rand) (out []mutation) {
	for _, file := range s.files {
		text := s.texts[file]
		if path.Ext(file) != ".ex" {
			continue
		}
		for _, m := range exEvent.FindAllStringSubmatchIndex(text, -1) {
			f := one(file, replaced(text, m[4], m[5], pick(r, eventWords...)))
			f.place += " " + text[m[0]:m[1]]
			out = append(out, f)
		}
		at := exExecute.FindStringSubmatch(text)
		end := lastEnd.FindStringIndex(text)
		if at == nil || end == nil {
			continue
		}
		event := "[" + at[1] + ":" + pick(r, eventWords...) + "]"
		call := pick(r, `BitActor.Telemetry.attach(__MODULE__, `+event, `:telemetry.attach("watch", `+event, `:telemetry.attach_many("watch", [`+event+`]`)
		now := "\n  def watch, do: " + call + ", &__MODULE__.watched/4, nil)\n\n  def watched(_, _, _, _), do: :ok\nend\n"
		f := one(file, replaced(text, end[0], end[1], now))
		f.place += " " + event
		out = append(out, f)
	}
	return out
}

// measure is how a language's functions begin, and the lines that measure in them.
type measure struct {
	function, line *lazyregexp.Regexp
	remark         string
}

var measures = map[string]measure{
	".ex": {lazyregexp.New(`^  defp? \w+[?!]?(?:\(.*\))? do$`), lazyregexp.New(`^\s+(?:\w+\.)*Telemetry\.execute\(.*\)$`), "  # "},
	".go": {lazyregexp.New(`^func .*\{$`), lazyregexp.New(`^\t+(?:\w+\.)*\w+(?:\.WithLabelValues\([^()]*\))?\.(?:Inc\(\)|Dec\(\)|Add\(.*\)|Observe\(.*\))$`), "// "},
	".py": {lazyregexp.New(`^\s*(?:async )?def \w+\(.*:$`), lazyregexp.New(`^\s+\w+(?:\.labels\([^()]*\))?\.(?:inc|dec|observe)\(.*\)$`), "# "},
}

// unmeasured calls a function the hot path that alone measures in its file, and takes
// out what measures in it.
func unmeasured(s *site, r *rand.Rand) (out []mutation) {
	for _, file := range s.files {
		how, known := measures[path.Ext(file)]
		if !known {
			continue
		}
		lines := strings.Split(s.texts[file], "\n")
		all := 0
		for _, l := range lines {
			if how.line.MatchString(l) {
				all++
			}
		}
		for i, line := range lines {
			if !how.function.MatchString(line) {
				continue
			}
			of := block(lines[i:], 60)
			if path.Ext(file) == ".py" {
				of = indented(lines[i:])
			}
			var now []string
			for _, l := range lines[i : i+of] {
				if !how.line.MatchString(l) {
					now = append(now, l)
				}
			}
			if len(now) == of || len(now) != of-all || len(now) < 3 {
				continue
			}
			remark := strings.TrimLeft(how.remark, " ") + pick(r, "The hot path of the system.", "This is the hot path.", "Hot path: called for each request.")
			before := append(append([]string{}, lines[:i]...), indent(line)+remark)
			f := one(file, strings.Join(append(append(before, now...), lines[i+of:]...), "\n"))
			f.place += " " + strings.TrimSpace(line)
			out = append(out, f)
		}
	}
	return out
}
