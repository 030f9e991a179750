// Package memory keeps what a model was asked for and answered where the answer
// passed its checks and landed, and finds what is most like a new task: a small
// model follows an example of the project better than words.
//
// It must never keep a secret that it can recognise, and never answer a task with
// what it kept of the very same one.
//
// Invariants:
//  1. What is kept is bounded in number and bytes; the oldest goes first.
//  2. Files belong to the user alone (0600), one for each example, as JSON.
//  3. A file that is damaged, too large or of another version is as good as none.
//  4. The same task and the same files give the same examples in the same order.
package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/bitactor/cf/engine"
	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/engine/terms"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/workspace/secret"
)

// CodeUnwritable is the code of the fault of Keep where the folder can't be written.
// Stable.
const CodeUnwritable = "memory-unwritable" // [Failed]

// Bounds of a memory.
const (
	examplesMax     = 256
	bytesMax        = 2 << 20 // of all examples
	exampleBytesMax = 16 << 10
)

// likeMin is the share of what a task asks for, by the weight of its words, that an
// example must be about. Below, it is more likely to mislead than to help.
const likeMin = 0.35

// Memory is that of one project. It is safe for concurrent use, also by several
// processes.
type Memory struct {
	dir string
}

// Open returns the memory that is kept in dir, a folder of cf's own, absolute. It
// need not exist.
func Open(dir string) *Memory { return &Memory{dir: dir} }

// Near returns up to most examples of the task's language that are like it, the
// nearest first. What was kept of the same definition of the same file is none: it
// stands in the prompt as it is now.
func (m *Memory) Near(ctx context.Context, t engine.Task, most int) ([]engine.Example, error) {
	wanted := terms.Of(strings.Join([]string{t.Instructions, t.Symbol, t.Path, t.Present, strings.Join(t.Cases, "\n")}, "\n"))
	if len(wanted) == 0 || most <= 0 {
		return nil, nil
	}
	kept, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	counter := terms.NewCounter(wanted)
	var found []engine.Example
	var docs []terms.Doc
	all, length := 0, 0
	for _, k := range kept {
		e := k.example
		if e.Task.Language != t.Language {
			continue
		}
		hits, words := counter.Count(e.Task.Path, []byte(textOf(e)))
		all, length = all+1, length+words
		if hits != nil && !same(e.Task, t) && e.Code != t.Present {
			found, docs = append(found, e), append(docs, terms.Doc{Hits: hits, Length: words})
		}
	}
	return nearest(found, docs, all, length, most), nil
}

// nearest sorts by score and drops what is not like the task.
func nearest(found []engine.Example, docs []terms.Doc, all, length, most int) []engine.Example {
	whole := 0.0
	for _, w := range terms.Weights(docs, all) {
		whole += w
	}
	scores := terms.BM25(docs, all, length)
	order := make([]int, 0, len(found))
	for i := range found {
		if scores[i] >= likeMin*whole {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var out []engine.Example
	for _, i := range order {
		// A file that someone has put there is held to the rules of what is kept.
		if len(out) < most && clean(found[i]) {
			out = append(out, found[i])
		}
	}
	return out
}

func same(a, b engine.Task) bool { return a.Path == b.Path && a.Symbol == b.Symbol }

// textOf is what an example is about.
func textOf(e engine.Example) string {
	t := e.Task
	return strings.Join([]string{t.Instructions, t.Symbol, t.Present, strings.Join(t.Cases, "\n"), e.Code}, "\n")
}

// Keep stores answers that landed, each in place of an earlier one to the same task.
// It leaves out what holds a secret or a marker of a chat template, what is too
// large to be of use, and what has no code. The error is ctx's or CodeUnwritable.
func (m *Memory) Keep(ctx context.Context, list []engine.Example) error {
	for _, e := range list {
		if ctx.Err() != nil {
			return fault.New(fault.Interrupted, "", "%w", context.Cause(ctx)).On("keep", e.Task.Path)
		}
		data := encode(e)
		if len(data) > exampleBytesMax || strings.TrimSpace(e.Code) == "" || !clean(e) {
			continue
		}
		if err := m.write(nameOf(e.Task), data); err != nil {
			return fault.New(fault.Failed, CodeUnwritable, "%w", err).On("keep", m.dir)
		}
	}
	return m.prune(ctx)
}

// clean tells whether an example may be kept and shown.
func clean(e engine.Example) bool {
	if _, yes := secret.File(e.Task.Path); yes {
		return false
	}
	text := textOf(e)
	if _, found := secret.Redact(e.Task.Path, text); len(found) > 0 {
		return false
	}
	_, markers := gather.Disarm(e.Task.Path + "\n" + text)
	return markers == 0
}
