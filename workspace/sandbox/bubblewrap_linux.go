package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/bitactor/cf/process"
)

// shmBytes is the size of /dev/shm in the sandbox. It is memory, so it is small.
const shmBytes = 64 << 20

// protected are folders of the tree that no program may write or make: what a
// later git or cf would act on. Their absence is kept by a device in their
// place, which can be no folder (as codex does with /dev/null).
var protected = []struct {
	name string
	hide bool
}{{".git", false}, {".cf", true}}

// command is what the init starts, and how the program's end is read from what
// that returned.
func (p *policy) command() (process.Command, func(process.Result, error) (status, error), error) {
	if p.Tier != Bubblewrap {
		return p.confined()
	}
	tree, err := p.mountTree()
	if err != nil {
		return process.Command{}, nil, err
	}
	filter, err := p.filterFile()
	if err != nil {
		return process.Command{}, nil, &setupError{CodeSetup, "write the filter", err}
	}
	s := scratch(p.Scratch)
	told, err := os.OpenFile(s.at("bwrap.json"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return process.Command{}, nil, &setupError{CodeSetup, "make a file for", err}
	}
	// Through a file: what stands on a command line can be read in the sandbox,
	// where bwrap is process 1, and names folders of the host.
	args, err := s.file("args", []byte(strings.Join(p.bwrapArgs(tree), "\x00")+"\x00"))
	if err != nil {
		return process.Command{}, nil, &setupError{CodeSetup, "write arguments", err}
	}
	c := process.Command{
		Path: p.Bwrap, Args: append([]string{"--args", argsFD, "--", p.Program}, p.Args...), Env: p.Env, Dir: "/",
		Extra: []*os.File{filter, told, args},
	}
	return c, func(r process.Result, err error) (status, error) { return throughBwrap(told.Name(), r, err) }, nil
}

// The files that bwrap gets beside the standard ones, in the order of Extra.
const (
	filterFD = "3"
	toldFD   = "4"
	argsFD   = "5"
)

// bwrapArgs are the arguments of bwrap, see bwrap(1). Later mounts cover
// earlier ones, so the tree and what is protected in it come last.
func (p *policy) bwrapArgs(tree string) []string {
	s := scratch(p.Scratch)
	args := []string{
		"--unshare-all", "--unshare-user", "--uid", strconv.Itoa(p.UID), "--gid", strconv.Itoa(p.GID), "--hostname", "sandbox",
		"--die-with-parent", "--new-session", "--cap-drop", "ALL", "--seccomp", filterFD, "--json-status-fd", toldFD,
		"--proc", "/proc", "--dev", "/dev", "--size", strconv.Itoa(shmBytes), "--perms", "1777", "--tmpfs", "/dev/shm",
		"--bind", s.at("tmp"), "/tmp", "--dir", "/var", "--symlink", "/tmp", "/var/tmp",
		"--dir", "/home", "--bind", s.at("home"), sandboxHome,
	}
	root := p.View.Root
	var inTree []string // what the tree would cover
	for _, m := range p.Mounts {
		if within(root, m.Dest) {
			inTree = append(inTree, m.bwrap()...)
		} else {
			args = append(args, m.bwrap()...)
		}
	}
	args = append(append(args, "--bind", tree, root), inTree...)
	for _, rel := range p.View.Folders {
		args = append(args, "--ro-bind-try", filepath.Join(root, rel), filepath.Join(root, rel))
	}
	for _, f := range protected {
		at, in := filepath.Join(root, f.name), filepath.Join(tree, f.name)
		switch info, err := os.Lstat(in); {
		case errors.Is(err, fs.ErrNotExist):
			args = append(args, "--dev-bind", "/dev/null", at) // to be read as empty
		case err != nil || info.Mode()&fs.ModeSymlink != 0:
			// A link would be followed out of the tree: left as it is, it leads
			// nowhere in here, and the overlay takes what is written.
		case f.hide && info.IsDir():
			args = append(args, "--tmpfs", at, "--remount-ro", at)
		default:
			args = append(args, "--ro-bind", in, at)
		}
	}
	// /proc would let a program of root's write the system's settings, /dev and
	// / would be memory without a limit.
	for _, at := range []string{"/proc", "/dev", "/"} {
		args = append(args, "--remount-ro", at)
	}
	return append(args, "--chdir", p.Dir)
}

// bwrap returns the arguments that show one folder or file; none if it is not
// there. A link of the system's is shown as the link that it is.
func (m mount) bwrap() []string {
	info, err := os.Lstat(m.Source)
	if err != nil {
		return nil
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if filepath.Dir(m.Source) == "/" {
			if target, err := os.Readlink(m.Source); err == nil {
				return []string{"--symlink", target, m.Dest}
			}
		}
		real, err := filepath.EvalSymlinks(m.Source)
		if err != nil {
			return nil
		}
		m.Source = real
	}
	if m.Write {
		return []string{"--bind", m.Source, m.Dest}
	}
	return []string{"--ro-bind", m.Source, m.Dest}
}

// throughBwrap reads how the program ended. bwrap writes an "exit-code" only if
// the program was really started; an end by signal N is 128+N there.
func throughBwrap(file string, r process.Result, err error) (status, error) {
	text, readErr := os.ReadFile(file)
	if readErr != nil {
		return status{}, readErr
	}
	for line := range bytes.Lines(text) {
		var told struct {
			Code *int `json:"exit-code"`
		}
		if json.Unmarshal(line, &told) == nil && told.Code != nil {
			ended := status{Code: *told.Code}
			if n := *told.Code - 128; n > 0 && n <= 64 {
				ended = status{Code: -1, Signal: syscall.Signal(n)}
			}
			return ended, nil
		}
	}
	if err == nil {
		err = errors.New("it ended without starting the program")
	}
	return status{}, &setupError{CodeSetup, "bwrap", err}
}
