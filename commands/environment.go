package commands

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/term"
)

// realEnv is the process's own environment.
func realEnv(stdin io.Reader, stdout, stderr io.Writer) *Env {
	dir, err := os.Getwd()
	if err != nil {
		dir = "" // the folder is gone; what needs it says so
	}
	e := &Env{
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Getenv: os.Getenv, Environ: os.Environ(), Dir: dir, Now: time.Now,
		StdinTTY: isTerminal(stdin), StdoutTTY: isTerminal(stdout), StderrTTY: isTerminal(stderr),
		Paths: pathsOf(os.Getenv),
	}
	e.Width, e.Height = size(os.Getenv, stdout, stderr)
	return e
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size returns the terminal's columns and rows, 0 where unknown. COLUMNS wins,
// as in other tools.
func size(getenv func(string) string, outputs ...io.Writer) (width, height int) {
	for _, out := range outputs {
		f, ok := out.(*os.File)
		if !ok {
			continue
		}
		if w, h, err := term.GetSize(int(f.Fd())); err == nil {
			width, height = w, h
			break
		}
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 && n < 1<<16 {
		width = n
	}
	return width, height
}

// pathsOf follows the XDG base directory specification: a relative path in a
// variable is ignored, and without HOME there is no default.
// https://specifications.freedesktop.org/basedir-spec/latest/
func pathsOf(getenv func(string) string) Paths {
	home := getenv("HOME")
	place := func(variable string, fallback ...string) string {
		if dir := getenv(variable); filepath.IsAbs(dir) {
			return filepath.Join(dir, "cf")
		}
		if !filepath.IsAbs(home) {
			return ""
		}
		return filepath.Join(append(append([]string{home}, fallback...), "cf")...)
	}
	return Paths{
		Config: place("XDG_CONFIG_HOME", ".config"),
		State:  place("XDG_STATE_HOME", ".local", "state"),
		Cache:  place("XDG_CACHE_HOME", ".cache"),
		Data:   place("XDG_DATA_HOME", ".local", "share"),
	}
}
