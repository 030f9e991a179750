// Package embedded runs cf's private Ollama server: one per user, on a loopback
// port, owned by a detached `cf serve-model` (Serve) and used by every cf that
// finds it (Ensure).
//
// The package must never listen on anything but loopback, never stop a server
// that it did not start, and never answer to a repository's settings.
//
// Invariants:
//  1. Whoever holds the lock file exclusively is the supervisor; the system
//     frees the lock when its holder dies, however it dies. Everything else on
//     disk is a hint that is checked before use.
//  2. state.json is written by the supervisor only, whole (rename), mode 0600.
//  3. A user of the server holds the clients file shared (Hold) and touches it
//     at the end. The supervisor ends an idle server only while it holds that
//     file exclusively: nobody is in the middle of a call then.
//  4. A pid from disk is signalled only if its start time matches too.
//  5. The server dies with its supervisor: by parent-death signal on Linux, and
//     elsewhere when the next supervisor finds it in state.json.
package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults this package returns. Stable: the list may only grow.
const (
	CodeNoFolder = "no-state-folder" // no place for the server's state, or not writable [Failed]
	CodeNoServer = "not-set-up"      // set-up has made no private server [Unreachable]
	CodeStart    = "server-start"    // it did not come up in time, or gave up [Unreachable]
	CodeStop     = "server-stop"     // it did not end in time [Failed]
)

// The files of the folder.
const (
	installFile = "install.json" // what set-up made; written by set-up
	stateFile   = "state.json"   // what runs; written by the supervisor
	lockFile    = "lock"         // held by the supervisor
	startFile   = "start"        // held by the cf that starts a supervisor
	clientsFile = "clients"      // held shared by users
	logFile     = "log"
)

// Install records the server that set-up made.
type Install struct {
	Binary   string `json:"binary"`             // absolute path of ollama
	Version  string `json:"version"`            // "" = unknown
	Source   string `json:"source"`             // "installed", "archive" or "built"
	CPUOnly  bool   `json:"cpu_only"`           // this build can't use a GPU
	Models   string `json:"models"`             // model store; "" = Ollama's own default
	Home     string `json:"home"`               // HOME of the server; "" = the user's own
	Model    string `json:"model,omitempty"`    // the model that set-up chose
	CPU      string `json:"cpu,omitempty"`      // which CPU it was built for, as set-up names it
	Portable bool   `json:"portable,omitempty"` // built for any CPU of this kind
}

// Status says where the private server stands.
type Status string

// The states.
const (
	Starting Status = "starting"
	Ready    Status = "ready"
	Failed   Status = "failed" // it gave up: Reason says why
)

// State describes the running supervisor and its server.
type State struct {
	Status      Status    `json:"status"`
	Reason      string    `json:"reason,omitempty"`
	Pid         int       `json:"pid"` // of the supervisor
	PidStart    string    `json:"pid_start"`
	ServerPid   int       `json:"server_pid,omitempty"`
	ServerStart string    `json:"server_start,omitempty"`
	Port        int       `json:"port,omitempty"`
	URL         string    `json:"url,omitempty"`
	Version     string    `json:"version,omitempty"`
	Binary      string    `json:"binary"`
	Models      string    `json:"models,omitempty"`
	Started     time.Time `json:"started"`
	Restarts    int       `json:"restarts,omitempty"`
	IdleMinutes float64   `json:"idle_minutes"`
}

// stateMax bounds the files read from the folder, in bytes.
const stateMax = 64 << 10

// readJSON reads a small regular file. It is the user's own, but may be damaged.
func readJSON(path string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, stateMax))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// writeJSON replaces path with v: readers see the old or the new, never a mix.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// ReadInstall returns what set-up made in dir; ok is false when nothing was, or
// when the record or the binary it names can't be used.
func ReadInstall(dir string) (in Install, ok bool) {
	if dir == "" || readJSON(filepath.Join(dir, installFile), &in) != nil {
		return Install{}, false
	}
	info, err := os.Stat(in.Binary)
	ok = err == nil && filepath.IsAbs(in.Binary) && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	if !ok {
		return Install{}, false
	}
	return in, true
}

// WriteInstall records what set-up made.
func WriteInstall(dir string, in Install) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, installFile), in); err != nil {
		return folderError(dir, err)
	}
	return nil
}

func noServer() error {
	return fault.New(fault.Unreachable, CodeNoServer, "no private server has been set up").On("start", "private server").Hint("run: cf setup")
}

func gaveUp(reason string) error {
	return fault.New(fault.Unreachable, CodeStart, "%s", reason).On("serve", "private server")
}

// makeDir makes the folder, for its user alone.
func makeDir(dir string) error {
	if dir == "" {
		return fault.New(fault.Failed, CodeNoFolder, "no folder for the private server's state").On("private server", "").
			Hint("set HOME, or XDG_STATE_HOME and its sisters, to folders you can write")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folderError(dir, err)
	}
	return nil
}

func folderError(dir string, err error) error {
	// The path is named once: os errors carry it too.
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fault.New(fault.Failed, CodeNoFolder, "%w", err).On("private server's state", dir).
		Hint("make the folder writable, or set XDG_STATE_HOME to one that is")
}

// Read returns the state of the supervisor in dir. ok is false when none runs:
// a state file whose writer is gone is not returned.
func Read(dir string) (s State, ok bool) {
	if dir == "" || !locked(dir) || readJSON(filepath.Join(dir, stateFile), &s) != nil {
		return State{}, false
	}
	return s, alive(s.Pid, s.PidStart)
}

// locked tells whether a supervisor holds the lock. It looks without making the
// file, so that a dry run leaves the disk alone.
func locked(dir string) bool {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); err != nil {
		return false
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	got, err := l.TryRLock()
	if err != nil {
		return false
	}
	if got {
		_ = l.Close()
	}
	return !got
}

// Hold marks the server as in use until release is called, or the process ends.
// It waits while the supervisor is ending an idle server, up to holdWait. A
// folder that can't be used gives a release that does nothing: the server is
// then somebody else's, and its life not ours to lengthen.
func Hold(dir string) (release func()) {
	if dir == "" {
		return func() {}
	}
	path := filepath.Join(dir, clientsFile)
	l := flock.New(path, flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), holdWait)
	defer cancel()
	if got, err := l.TryRLockContext(ctx, poll); err != nil || !got {
		_ = l.Close()
		return func() {}
	}
	touch(dir)
	return func() {
		touch(dir)
		_ = l.Close()
	}
}

const (
	holdWait = 10 * time.Second
	poll     = 20 * time.Millisecond
)

// touch marks a use now.
func touch(dir string) {
	now := time.Now()
	_ = os.Chtimes(filepath.Join(dir, clientsFile), now, now)
}

// Version asks the server at url for its version. An answer that is not
// Ollama's is an error.
func Version(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/api/version", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var v struct {
		Version string `json:"version"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, stateMax)).Decode(&v); err != nil {
		return "", fmt.Errorf("not an Ollama server: %w", err)
	}
	if resp.StatusCode != http.StatusOK || v.Version == "" {
		return "", fmt.Errorf("not an Ollama server: status %d", resp.StatusCode)
	}
	return v.Version, nil
}
