package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// record is one run of an arm on a task, a line of the results.
type record struct {
	Model   string  `json:"model"`
	Arm     string  `json:"arm"`
	Task    string  `json:"task"`
	Kind    string  `json:"kind"`
	Content string  `json:"content"` // hash of the task: the record of another one does not count
	Landed  bool    `json:"landed"`  // the file is there and not as it was
	Visible bool    `json:"visible"` // the visible tests pass
	Solved  bool    `json:"solved"`  // the hidden ones as well
	Seconds float64 `json:"seconds"` // of the arm; checking its result is not counted
	Note    string  `json:"note,omitempty"`
	Error   string  `json:"error,omitempty"` // the run itself failed; it is tried again
	Output  string  `json:"output,omitempty"`
	usage
}

// results are the records of one model, in a file that only grows.
type results struct {
	path string
	done map[[3]string]record // by arm, task and content
}

var plain = regexp.MustCompile(`[^\w.-]+`)

// openResults reads what was measured with a model before.
func openResults(folder, model string) (*results, error) {
	r := &results{path: filepath.Join(folder, plain.ReplaceAllString(model, "_")+".jsonl"), done: map[[3]string]record{}}
	file, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, os.MkdirAll(folder, 0o755)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var rec record
		if err := json.Unmarshal(lines.Bytes(), &rec); err == nil && rec.Error == "" { // a broken last line is of a run that was ended
			r.done[[3]string{rec.Arm, rec.Task, rec.Content}] = rec
		}
	}
	return r, lines.Err()
}

func (r *results) has(arm string, t *task) bool {
	_, found := r.done[[3]string{arm, t.Name, t.content()}]
	return found
}

// add writes a record at the end of the file.
func (r *results) add(rec record) error {
	line, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	if rec.Error == "" {
		r.done[[3]string{rec.Arm, rec.Task, rec.Content}] = rec
	}
	return errors.Join(err, file.Close())
}

// measured returns the models that there are results of.
func measured(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var models []string
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		var rec record
		err = json.NewDecoder(file).Decode(&rec)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		models = append(models, rec.Model)
	}
	return models, nil
}

// tally is what an arm came to on the tasks that count.
type tally struct {
	tasks, solved, wrong, prompt, completion, calls int
	seconds                                         float64
}

// tally adds up an arm's records of tasks.
func (r *results) tally(arm string, tasks []*task) tally {
	var sum tally
	for _, t := range tasks {
		rec, found := r.done[[3]string{arm, t.Name, t.content()}]
		if !found {
			continue
		}
		sum.tasks++
		if rec.Solved {
			sum.solved++
		} else if rec.Landed {
			sum.wrong++
		}
		sum.prompt += rec.Prompt
		sum.completion += rec.Completion
		sum.calls += rec.Calls
		sum.seconds += rec.Seconds
	}
	return sum
}

// shared returns the tasks that every one of the arms was measured on: only on
// those can they be compared.
func (r *results) shared(arms []string, tasks []*task) []*task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
		return slices.ContainsFunc(arms, func(arm string) bool { return !r.has(arm, t) })
	})
}

// arms returns those of a list that were measured at all.
func (r *results) arms(list []string, tasks []*task) []string {
	return slices.DeleteFunc(slices.Clone(list), func(arm string) bool { return r.tally(arm, tasks).tasks == 0 })
}
