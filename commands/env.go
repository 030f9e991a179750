package commands

import (
	"io"
	"time"
)

// Env is everything a command takes from outside: the only place where it is
// injected. Tests build one; main builds the real one.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        []string // "NAME=value", for programs that need the user's whole environment
	Dir            string   // working directory, absolute
	StdinTTY       bool     // a person can type
	StdoutTTY      bool     // a person reads stdout: colour and the terminal interface are allowed
	StderrTTY      bool
	Width, Height  int // of the terminal; 0 = unknown
	Now            func() time.Time
	Paths          Paths
}

// Paths are cf's own folders, all absolute; "" where the user has no such
// place (HOME unset): then the feature that needs it is off, and says so.
type Paths struct {
	Config string // $XDG_CONFIG_HOME/cf: config.toml, prompts/
	State  string // $XDG_STATE_HOME/cf: the private server's state, logs
	Cache  string // $XDG_CACHE_HOME/cf: built servers, downloads
	Data   string // $XDG_DATA_HOME/cf: models of the private server
}
