package commands

import (
	"fmt"
	"strings"

	"github.com/bitactor/cf/commands/view"
)

// PlainText renders the table.
func (s Status) PlainText(width int) string {
	rows := [][]string{{"WHAT", "STATE", "DETAIL"}}
	add := func(what, state string, detail ...string) {
		rows = append(rows, []string{what, state, strings.Join(detail, "; ")})
	}
	root := s.Project.Root
	if root == "" {
		root = "-"
	}
	add("project", "root", root+" ("+s.Project.Why+")")
	s.serverRows(add)
	s.modelRows(add)
	add("private server", s.Private.State, nonEmpty(s.Private.URL, s.Private.Version, s.Private.Model, s.Private.Why)...)
	for _, t := range s.Tools {
		s.toolRow(add, t)
	}
	s.machineRows(add)
	text := view.Table(rows, width)
	switch {
	case !s.Ready:
		text += "\nnot ready: " + s.Why + "\n"
	case s.Why != "":
		text += "\nready: " + s.Why + "\n"
	default:
		text += "\nready\n"
	}
	return text
}

func (s Status) serverRows(add func(string, string, ...string)) {
	if s.Server.Error != "" {
		add("model server", "down", nonEmpty(s.Server.Provider, s.Server.URL, s.Server.Error)...)
	} else {
		add("model server", "up", s.Server.Provider+" "+versionWords(s.Server.Version), s.Server.URL, s.Server.Source)
	}
	for _, w := range s.Server.Warnings {
		add("", "warning", w)
	}
	for _, g := range s.Server.Guarantees {
		add("", "no promise", g)
	}
	for _, h := range s.Server.Hints {
		add("", "hint", h)
	}
}

// versionWords names a server's version. An Ollama that was built without one
// says 0.0.0 (version/version.go of Ollama v0.17.4).
func versionWords(version string) string {
	switch version {
	case "":
		return "of unknown version"
	case "0.0.0":
		return "of unknown version (built from source)"
	}
	return version
}

func (s Status) modelRows(add func(string, string, ...string)) {
	if len(s.Models) == 0 && s.Server.Error == "" {
		add("models", "none")
	}
	for _, m := range s.Models {
		state := "installed"
		if m.Loaded {
			state = "loaded"
		}
		if m.Used {
			state = "used"
		}
		var detail []string
		if m.Used && m.Loaded {
			detail = append(detail, "in memory")
		}
		if m.Bytes > 0 {
			detail = append(detail, view.Bytes(m.Bytes))
		}
		if m.ContextMax > 0 {
			detail = append(detail, fmt.Sprintf("context %d tokens", m.ContextMax))
		}
		detail = append(detail, nonEmpty(m.Quantization, strings.Join(m.Capabilities, ", "))...)
		if m.Used && m.Calibrated == "" {
			m.Calibrated = "not calibrated: cf calibrate"
		}
		detail = append(detail, nonEmpty(m.Calibrated)...)
		if m.Remote != "" {
			detail = append(detail, "runs on "+m.Remote+", not on this machine")
		}
		add("model "+m.Name, state, append(detail, nonEmpty(m.Why)...)...)
	}
}

func (s Status) toolRow(add func(string, string, ...string), t Tool) {
	detail := []string{t.Use}
	if t.State == "found" {
		detail = append(nonEmpty(t.Version), detail...)
	}
	detail = append(detail, nonEmpty(t.Why)...)
	if t.Fix != "" {
		detail = append(detail, "get it: "+t.Fix)
	}
	add(t.Name, t.State, detail...)
}

func (s Status) machineRows(add func(string, string, ...string)) {
	m := s.Machine
	sandbox := nonEmpty(m.SandboxWhy)
	if m.SandboxFix != "" {
		sandbox = append(sandbox, "better: "+m.SandboxFix)
	}
	add("sandbox", m.Sandbox, sandbox...)
	add("cpu", count(m.Cores, "core"), nonEmpty(m.CPU, m.Vector)...)
	if m.Memory > 0 {
		add("memory", view.Bytes(m.Memory), view.Bytes(m.MemoryFree)+" available")
	}
	gpu := "found"
	if m.GPU == "none" {
		gpu = "none"
	}
	detail := nonEmpty(m.GPU)
	if gpu == "none" {
		detail = []string{"models run on the cpu"}
	}
	if m.GPUMemory > 0 {
		detail = append(detail, view.Bytes(m.GPUMemory))
	}
	add("gpu", gpu, detail...)
	if m.DiskFree > 0 {
		add("disk", view.Bytes(m.DiskFree)+" free", m.Disk)
	}
}

func nonEmpty(all ...string) []string {
	var some []string
	for _, s := range all {
		if s != "" {
			some = append(some, s)
		}
	}
	return some
}
