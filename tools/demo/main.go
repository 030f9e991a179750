// Command demo is what `make demo` runs: it makes the machine ready with cf
// setup, holds one reasoning session with a real model in a fresh folder, and
// checks from a record of what passed to and from the model that the stored
// answer is the model's own text.
//
//	demo -cf bin/cf -project testdata/demo
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/tools/witness"
)

const (
	task    = "design production BitActor with Erlang/OTP supervision trees, fault tolerance, distributed processing, and financial-grade reliability"
	context = "existing bitactor-reqs.md implementation"
	held    = 5 // parts of the answer that must hold two sentences of the model's own
)

func main() {
	cf := flag.String("cf", "", "the cf program")
	project := flag.String("project", "", "folder whose files are copied into the demo's")
	flag.Parse()
	if err := run(*cf, *project); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(cf, project string) error {
	fmt.Println("set-up lists its downloads first, and answers its own question with yes; Ctrl-C stops it, and what it fetched is kept.\n" +
		"for the smallest model: CF_MODEL=smollm2:135m make demo\n\n$ cf setup --yes --start")
	// --start, because a machine that is set up already has its private server asleep.
	if err := show(cf, "", nil, "setup", "--yes", "--start"); err != nil {
		return fmt.Errorf("cf setup: %w", err)
	}
	server, err := serverOf(cf)
	if err != nil {
		return err
	}
	proxy, err := witness.Watch(server)
	if err != nil {
		return err
	}
	defer proxy.Close()
	dir, err := os.MkdirTemp("", "cf-demo-")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(project)); err != nil {
		return err
	}
	fmt.Printf("\n$ cd %s\n$ cf ultrathink %q --context %q --temperature 0 --seed 1\n\n", dir, task, context)
	err = show(cf, dir, []string{"OLLAMA_HOST=" + proxy.URL},
		"ultrathink", task, "--context", context, "--temperature", "0", "--seed", "1", "--no-tui")
	if err != nil {
		return fmt.Errorf("cf ultrathink: %w", err)
	}
	grade, err := witness.Latest(dir, proxy.Take())
	if err != nil {
		return err
	}
	fmt.Printf("\nchecked against the recorded stream: %d of 7 parts hold two or more sentences of the model's own\n%s", grade.Held(), grade)
	if grade.Held() < held {
		return fmt.Errorf("%d parts are too few: the least is %d", grade.Held(), held)
	}
	fmt.Printf("\nthe session is stored under %s; go on with:\n  cd %s && %s ultrathink --continue \"what would you build first?\"\n",
		filepath.Join(dir, ".cf", "sessions", grade.Session), dir, cf)
	return nil
}

// show runs cf with its output on ours.
func show(cf, dir string, env []string, args ...string) error {
	cmd := exec.Command(cf, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// serverOf returns the address of the model server that cf would use.
func serverOf(cf string) (string, error) {
	out, err := exec.Command(cf, "status", "--json").Output()
	if err != nil {
		return "", fmt.Errorf("cf status: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		var status struct {
			Type   string `json:"type"`
			Server struct {
				URL string `json:"url"`
			} `json:"server"`
		}
		if json.Unmarshal([]byte(line), &status) == nil && status.Type == "status" && status.Server.URL != "" {
			return status.Server.URL, nil
		}
	}
	return "", errors.New("cf status names no model server")
}
