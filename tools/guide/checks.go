package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bitactor/cf/tools/witness"
)

// held is how many of the seven parts of an answer must hold two sentences of
// the model's own text.
const held = 5

// checks says, verb by verb, what must be true after a command of the guide.
var checks = map[string]func(*result) error{
	"status":     checkStatus,
	"ultrathink": checkUltrathink,
	"implement":  checkImplement,
	"custom":     checkCustom,
	"finish":     checkFinish,
	"validate":   checkReported,
	"benchmark":  checkReported,
	"clean":      checkReported,
}

// done is an error unless the command ended with one of the codes (0 if none).
func (r *result) done(codes ...int) error {
	if r.code == 0 && len(codes) == 0 || slices.Contains(codes, r.code) {
		return nil
	}
	said := strings.TrimSpace(r.stderr)
	if i := strings.LastIndex(said, "cf: error:"); i >= 0 {
		said = said[i:]
	}
	return fmt.Errorf("exit code %d: %s", r.code, said)
}

func (r *result) has(flag string) bool { return slices.Contains(r.args, flag) }

// assesses tells whether a report is asked for, not a change.
func (r *result) assesses() bool {
	return r.args[0] == "custom" && (strings.Contains(r.args[1], "assessment") || strings.Contains(r.args[1], "readiness"))
}

// changed lists the files outside .cf that the command wrote or removed.
func (r *result) changed() []string {
	var list []string
	for _, side := range [2][2]map[string][32]byte{{r.before, r.after}, {r.after, r.before}} {
		for name, sum := range side[0] {
			if other, ok := side[1][name]; (!ok || other != sum) && !strings.HasPrefix(name, ".cf/") {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkStatus: the main job can run, and the table names the server and model.
func checkStatus(r *result) error {
	if err := r.done(); err != nil {
		return err
	}
	for _, want := range []string{"Ollama", os.Getenv("CF_MODEL")} {
		if !strings.Contains(r.stdout, want) {
			return fmt.Errorf("the table does not name %s", want)
		}
	}
	return nil
}

// checkUltrathink: a real answer came, said first what was read, and was stored
// under the task's words; a dry run left the disk as it was.
func checkUltrathink(r *result) error {
	if err := r.done(); err != nil {
		return err
	}
	var g witness.Grade
	if r.has("--dry-run") {
		if !maps.Equal(r.before, r.after) {
			return errors.New("a dry run changed the disk")
		}
		g = witness.Printed(r.stdout, r.seen)
	} else {
		var err error
		if g, err = witness.Latest(r.root, r.seen); err != nil {
			return err
		}
		if g.Task != r.args[1] {
			return fmt.Errorf("the newest session is about %q", g.Task)
		}
	}
	if files := r.changed(); len(files) > 0 {
		return fmt.Errorf("reasoning changed files: %s", strings.Join(files, ", "))
	}
	if g.Held() < held {
		return fmt.Errorf("%d of 7 parts hold two sentences of the model's own:\n%s", g.Held(), g)
	}
	return nil
}

// checkImplement: the file is there, and went through the checks: the output says
// how many files they looked at.
func checkImplement(r *result) error {
	if err := r.done(); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(r.root, r.args[1]))
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return errors.New("the file is empty")
	}
	if !checked.MatchString(r.stdout) {
		return errors.New("nothing says what was checked")
	}
	return nil
}

// checked is the last line of what the checks found, where that is nothing; asThey is
// the line of files that building blocks have so already.
var (
	checked = regexp.MustCompile(`(?m)^(clean|compiled only|passed).*; [1-9]\d* files? checked`)
	asThey  = regexp.MustCompile(`(?m)^[1-9]\d* files? as the blocks have them$`)
)

// checkCustom: the request was carried out as a change, or answered by a report. Where
// the building blocks that answer it are there already, it is enough that their names
// and files are told and their checks passed: nobody wants a change for its own sake.
func checkCustom(r *result) error {
	if err := r.done(); err != nil {
		return err
	}
	if !r.assesses() && len(r.changed()) == 0 && !(asThey.MatchString(r.stdout) && checked.MatchString(r.stdout)) {
		return errors.New("nothing was changed, and nothing says that it was so already")
	}
	if r.assesses() && len(strings.Fields(r.stdout)) < 40 {
		return errors.New("no report was printed")
	}
	return nil
}

// checkFinish: what it names is there and was checked.
func checkFinish(r *result) error {
	if err := r.done(); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(r.root, r.args[1]))
	return err
}

// checkReported: the command ran its checks and said which; findings (3) are an
// honest answer.
func checkReported(r *result) error {
	if err := r.done(0, 3); err != nil {
		return err
	}
	if len(strings.Fields(r.stdout)) < 10 && !json.Valid([]byte(r.stdout)) {
		return errors.New("no report was printed")
	}
	return nil
}
