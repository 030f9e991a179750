package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

// reportFormats are the extensions that a report may be written with.
var reportFormats = map[string]func(*bench.Document, *strings.Builder) error{
	".md":   func(d *bench.Document, b *strings.Builder) error { return d.Markdown(b) },
	".html": func(d *bench.Document, b *strings.Builder) error { return d.HTML(b) },
	".json": func(d *bench.Document, b *strings.Builder) error { return d.JSON(b) },
}

// reportBytesMax bounds a report that is read.
const reportBytesMax = 64 << 20

// historyName is the file of a report folder that keeps earlier runs, one a line.
const historyName = "history.jsonl"

// writeReport writes a document in the form that the file's name ends with.
func (a *App) writeReport(d *bench.Document, what, name string) error {
	var b strings.Builder
	if err := reportFormats[filepath.Ext(name)](d, &b); err != nil {
		return fault.New(fault.Failed, "benchmark", "%w", err).On("report", name)
	}
	if err := writeOut(a.path(name), b.String()); err != nil {
		return err
	}
	a.Events().Emit(event.Saved{What: what, Path: name})
	return nil
}

// writeFolder writes a document in all forms, with the runs that the folder kept.
func (a *App) writeFolder(ctx context.Context, d *bench.Document, dir string) error {
	if err := os.MkdirAll(a.path(dir), 0o755); err != nil {
		return fault.New(fault.Usage, "out-file", "%w", err).On("write", dir)
	}
	name := filepath.Join(dir, historyName)
	var kept []byte
	if _, err := os.Lstat(a.path(name)); err == nil {
		if kept, err = a.readInput(ctx, name, reportBytesMax); err != nil {
			return err
		}
	}
	for line := range bytes.Lines(kept) {
		var p bench.Past
		if json.Unmarshal(line, &p) == nil {
			d.History = append(d.History, p)
		}
	}
	this := d.PastOf()
	d.History = append(d.History, this)
	for _, ext := range []string{".html", ".md", ".json"} {
		if err := a.writeReport(d, "report", filepath.Join(dir, "report"+ext)); err != nil {
			return err
		}
	}
	line, err := json.Marshal(this)
	if err != nil {
		return err
	}
	return writeOut(a.path(name), string(kept)+string(line)+"\n")
}

// earlier reads the run that this one is held against.
func (a *App) earlier(ctx context.Context, name string) (*bench.Document, error) {
	text, err := a.readInput(ctx, name, reportBytesMax)
	if err != nil {
		return nil, err
	}
	d, err := bench.ReadDocument(text)
	if errors.Is(err, bench.ErrNoReport) {
		return nil, fault.New(fault.Usage, "no-report", "%w", err).On("benchmark", name).Hint("write one with --save FILE.json")
	}
	return d, err
}

// BenchmarkVerdict is what a run of cf benchmark came to beside its figures.
type BenchmarkVerdict struct {
	Against  string          `json:"against,omitempty"`
	Changes  []bench.Change  `json:"changes,omitempty"`
	Balances []bench.Balance `json:"balances,omitempty"`
}

// Type names the event.
func (BenchmarkVerdict) Type() string { return "benchmark_verdict" }

// PlainText renders changes and balances as tables.
func (v BenchmarkVerdict) PlainText(width int) string {
	var b strings.Builder
	if len(v.Changes) > 0 {
		rows := [][]string{{"CASE", "BEFORE, NS", "NOW, NS", "RATIO", "95 %", "P", "CALL"}}
		for _, c := range v.Changes {
			rows = append(rows, []string{c.Case, fmt.Sprintf("%.2f", c.Before), fmt.Sprintf("%.2f", c.Now), fmt.Sprintf("%.3f", c.Ratio), fmt.Sprintf("%.3f to %.3f", c.Low, c.High), fmt.Sprintf("%.4f", c.P), string(c.Call)})
		}
		b.WriteString("against " + v.Against + "\n" + view.Table(rows, width))
	}
	if len(v.Balances) > 0 {
		rows := [][]string{{"HOLDS", "TELEMETRY", "", ""}}
		for _, x := range v.Balances {
			mark := "yes"
			if !x.Holds {
				mark = "no"
			}
			rows = append(rows, []string{mark, x.What, x.Left, x.Right})
		}
		b.WriteString(view.Table(rows, width))
	}
	return b.String()
}

// err is the error of a run that got slower, or whose telemetry does not add up.
// Of two commands neither is the earlier one.
func (v BenchmarkVerdict) err(compared bool) error {
	var worse []string
	for _, c := range v.Changes {
		if compared && c.Regressed() {
			worse = append(worse, fmt.Sprintf("%s (%.1f %%)", c.Case, 100*(c.Ratio-1)))
		}
	}
	off := 0
	for _, x := range v.Balances {
		if !x.Holds {
			off++
		}
	}
	switch {
	case off > 0:
		return fault.New(fault.Refused, "telemetry-off", "%s of the telemetry did not come out", count(off, "sum")).On("benchmark", "")
	case len(worse) > 0:
		return fault.New(fault.Refused, "regression", "%s slower: %s", count(len(worse), "case"), strings.Join(worse[:min(len(worse), 5)], ", ")).On("benchmark", "")
	}
	return nil
}
