package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// reexecName is the name under which cf starts itself as a sandbox's init.
const reexecName = "cf-sandbox"

// policy is what the init is told: everything about one run. It lies in the
// scratch folder, which no program sees.
type policy struct {
	Tier    Tier
	Scratch string
	View    View
	Bwrap   string // the program, in tier Bubblewrap
	Mounts  []mount
	Dir     string // working folder
	Program string
	Args    []string
	Env     []string
	UID     int // what the program sees as its own
	GID     int
	Limits  Limits
	Trace   bool
	ABI     int // of Landlock
}

// mount is a folder or file that the program sees.
type mount struct {
	Source, Dest string
	Write        bool
}

// status is what the init writes down for cf.
type status struct {
	Fault  string         // a code of this package: the program did not run
	Reason string         // in words
	Code   int            // exit status, -1 after a signal
	Signal syscall.Signal // 0 for none
	CPU    time.Duration  // that all its processes used together
}

const (
	policyFile  = "policy.json"
	statusFile  = "status.json"
	sandboxHome = "/home/cf" // in tier Bubblewrap
	graceMost   = time.Second
)

// Run runs c. The error is a *fault.Error as process.Process.Wait returns it,
// or one of this package's codes; the result is filled in whenever the program
// ran. In tier Bubblewrap an exit status of 128+N of the program itself can't
// be told from an end by signal N and is reported as the latter.
func (b *Box) Run(ctx context.Context, v View, c Command) (process.Result, error) {
	c.Limits = c.Limits.orDefaults()
	none := process.Result{Code: -1}
	s, err := newScratch(b.o.Cache, "upper", "work", "merged", "tmp", "home", "etc")
	if err != nil {
		return none, fault.New(fault.NoSandbox, CodeSetup, "%w", err).On("make a folder for", "the sandbox")
	}
	defer s.remove()
	p, err := b.policy(s, v, c)
	if err != nil {
		return none, err
	}
	text, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(s.at(policyFile), text, 0o600)
	}
	if err != nil {
		return none, fault.New(fault.NoSandbox, CodeSetup, "%w", err).On("write", "the sandbox's policy")
	}
	return b.watch(ctx, s, p, c.Stdin)
}

// watch starts the init and sees the run to its end.
func (b *Box) watch(ctx context.Context, s scratch, p policy, stdin []byte) (process.Result, error) {
	timed, stop := context.WithTimeout(ctx, p.Limits.Wall)
	defer stop()
	watched, end := context.WithCancelCause(timed)
	defer end(nil)
	command := process.Command{
		Path: "/proc/self/exe", Argv0: reexecName, Args: []string{s.at(policyFile)},
		Dir: string(s), Env: []string{}, OutputMax: int(p.Limits.OutputBytes),
		Grace: graceMost, ParentDeath: syscall.SIGKILL, UserNamespace: p.Tier == Bubblewrap,
	}
	if stdin != nil {
		command.Stdin = bytes.NewReader(stdin)
	}
	started, err := process.Start(watched, command)
	if err != nil {
		if ctx.Err() != nil {
			return process.Result{Code: -1}, err
		}
		return process.Result{Code: -1}, fault.New(fault.NoSandbox, CodeSetup, "%w", err).On("start", "the sandbox")
	}
	go newWatcher(started.Pid(), p).run(watched, end)
	r, err := started.Wait()
	return judge(ctx, watched, s, p, r, err)
}

// judge says how a run ended, by what cf's own watcher saw, then by what the
// init wrote down.
func judge(ctx, watched context.Context, s scratch, p policy, r process.Result, err error) (process.Result, error) {
	ended := status{Fault: CodeSetup, Reason: "the init of the sandbox ended without a word: " + r.Describe()}
	if text, readErr := os.ReadFile(s.at(statusFile)); readErr == nil {
		if jsonErr := json.Unmarshal(text, &ended); jsonErr != nil {
			ended.Reason = jsonErr.Error()
		}
	}
	r.Code, r.Signal = -1, ended.Signal
	var limit *fault.Error
	switch cause := context.Cause(watched); {
	case ctx.Err() == nil && errors.As(cause, &limit):
		return r, limit.On("run", p.Program)
	case watched.Err() != nil:
		if errors.As(err, &limit) {
			return r, limit.On("run", p.Program)
		}
		return r, err
	case ended.Fault != "":
		kind := fault.NoSandbox
		if ended.Fault == CodeOverlay {
			kind = fault.Failed
		}
		return r, fault.New(kind, ended.Fault, "%s", ended.Reason).On("start", p.Program)
	}
	r.Code = ended.Code
	switch {
	// A program may heed SIGXCPU, or not: then the kernel kills it.
	case r.Signal == syscall.SIGXCPU, r.Signal == syscall.SIGKILL && ended.CPU >= p.Limits.CPU:
		return r, fault.New(fault.Failed, CodeCPU, "a process used more than %s of processor time", p.Limits.CPU).On("run", p.Program)
	case r.Signal == syscall.SIGXFSZ:
		return r, fault.New(fault.Failed, CodeFileSize, "a file grew beyond %d MiB", p.Limits.FileBytes>>20).On("run", p.Program)
	case r.Signal != 0:
		return r, fault.New(fault.Failed, process.CodeExit, "ended by signal: %s", r.Signal).On("run", p.Program)
	case r.Code != 0:
		return r, fault.New(fault.Failed, process.CodeExit, "exit status %d", r.Code).On("run", p.Program)
	}
	return r, nil
}

// policy decides everything about a run but how the kernel is told.
func (b *Box) policy(s scratch, v View, c Command) (policy, error) {
	home := b.Getenv("HOME")
	for _, dir := range append(slices.Clone(c.ReadOnly), v.Root) {
		if why := tooWide(dir, home); why != "" {
			return policy{}, fault.New(fault.Failed, CodePolicy, "%s: no program may see it", why).On("show", dir)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(filepath.Join(".", c.Dir))) {
		return policy{}, fault.New(fault.Failed, CodePolicy, "not a folder of the tree").On("run in", c.Dir)
	}
	path, err := find(c.Program, b.o.Environ, v.Root)
	if err != nil {
		return policy{}, err
	}
	t := toolchainOf(path, b.o.Environ, v.Root, c.ReadOnly)
	tree, private, temporary := v.Root, sandboxHome, "/tmp"
	if b.found.Tier != Bubblewrap {
		private, temporary = s.at("home"), s.at("tmp")
		if v.Copy != "" {
			tree = v.Copy
		}
	}
	p := policy{
		Tier: b.found.Tier, Bwrap: b.found.Bwrap, ABI: b.found.ABI, Scratch: string(s), View: v, Dir: filepath.Join(tree, c.Dir),
		Program: path, Args: c.Args, UID: os.Getuid(), GID: os.Getgid(), Limits: c.Limits, Trace: c.Trace,
		Env: environment(b.o.Environ, t.path, private, temporary, append(t.env, c.Env...)...),
	}
	for _, dir := range slices.Concat(systemDirs, systemFiles, t.shown) {
		p.Mounts = append(p.Mounts, mount{Source: dir, Dest: dir})
	}
	caches, err := b.projectDir(v.Root)
	if err != nil {
		return policy{}, err
	}
	p.Mounts = append(p.Mounts, mount{Source: caches, Dest: caches, Write: true})
	if err := p.accounts(s); err != nil {
		return policy{}, fault.New(fault.NoSandbox, CodeSetup, "%w", err).On("write", "the sandbox's files")
	}
	return p, nil
}

// accounts writes the few system files that are made up: who the user is, and
// what this machine's names are. The real ones name people.
func (p *policy) accounts(s scratch) error {
	if p.Tier != Bubblewrap {
		return nil
	}
	uid, gid := itoa(p.UID), itoa(p.GID)
	passwd, group := "root:x:0:0:root:/root:/usr/sbin/nologin\n", "root:x:0:\n"
	if p.UID == 0 {
		passwd = "root:x:0:" + gid + ":root:" + sandboxHome + ":/bin/sh\n"
	} else {
		passwd += "cf:x:" + uid + ":" + gid + ":cf:" + sandboxHome + ":/bin/sh\n"
	}
	if p.GID != 0 {
		group += "cf:x:" + gid + ":\n"
	}
	passwd += "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	for name, text := range map[string]string{
		"passwd": passwd, "group": group + "nogroup:x:65534:\n", "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
		"resolv.conf": "", "hostname": "sandbox\n",
	} {
		if err := os.WriteFile(s.at(filepath.Join("etc", name)), []byte(text), 0o600); err != nil {
			return err
		}
		p.Mounts = append(p.Mounts, mount{Source: s.at(filepath.Join("etc", name)), Dest: "/etc/" + name})
	}
	slices.SortStableFunc(p.Mounts, func(a, b mount) int { return strings.Compare(a.Dest, b.Dest) })
	return nil
}
