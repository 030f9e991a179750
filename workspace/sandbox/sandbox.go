// Package sandbox runs programs that a model, a repository or a tool wrote,
// without network, with limits, and with nothing of the user's to read or
// write but the tree they are for.
//
// It must never run a program with less isolation than the Box says, take a
// program from the tree, or write the user's files.
//
// Invariants:
//  1. A Box's tier was seen to work on this machine since it booted. What fails
//     later is an error, never a run with less isolation.
//  2. The program sees the environment that environment.go lists and no other
//     variable of the user's; no file of cf's own is handed down to it.
//  3. What it writes into the tree is thrown away with the run's scratch folder;
//     only the project's own caches, which cf keeps apart from the user's, stay.
//  4. When Run returns, every process that the program started is gone.
//  5. A limit that ends a run has a fault code of its own.
//
// How a run goes (bubblewrap tier): cf starts itself again, in new user and
// mount namespaces, as an init (init_linux.go). The init mounts an overlay of the
// tree on a scratch folder, takes the deleted files out, sets the limits and
// starts bwrap, which shows that overlay at the tree's own path beside the
// toolchains; it reaps whatever is left and writes down how the program ended.
package sandbox

import (
	"context"
	"os"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// Tier is how strong the isolation is.
type Tier string

// The tiers, strongest first.
const (
	Bubblewrap Tier = "bubblewrap" // namespaces, seccomp, overlay
	Landlock   Tier = "landlock"   // Landlock and seccomp, where user namespaces are forbidden: weaker
	None       Tier = "none"       // only where the user typed --no-sandbox
)

// Codes of the faults this package returns, beside those of package process.
// Stable: the list may only grow. A run that takes longer than Limits.Wall ends
// with process.CodeTimeout.
const (
	CodeNone      = "no-sandbox"        // no tier works here [NoSandbox]
	CodeSetup     = "sandbox-setup"     // the isolation could not be made; the program did not run [NoSandbox]
	CodeOverlay   = "overlay"           // this tree can't be laid under an overlay; the program did not run [Failed]
	CodePolicy    = "sandbox-policy"    // the caller asks for what no program may see [Failed]
	CodeMemory    = "memory"            // Limits.MemoryBytes [Failed]
	CodeCPU       = "cpu-time"          // Limits.CPU [Failed]
	CodeProcesses = "processes"         // Limits.Processes [Failed]
	CodeFileSize  = "file-size"         // Limits.FileBytes [Failed]
	CodeDisk      = "disk-full"         // it was filling the disk of the scratch folder [Failed]
	CodeInTree    = "program-from-tree" // the program lies in the tree itself [Failed]
)

// Options places a Box.
type Options struct {
	Environ []string // the user's environment: PATH is searched, an allow-list of the rest is passed on
	Cache   string   // cf's cache folder, absolute; "" means a folder for temporary files
	Off     bool     // --no-sandbox: run without isolation
}

// Box runs programs in isolation. Safe for concurrent use.
type Box struct {
	o     Options
	found finding
}

// Open finds the strongest tier that works here by trying it, or by what was
// tried since the machine booted. Its error is of kind fault.NoSandbox when
// there is none.
func Open(ctx context.Context, o Options) (*Box, error) {
	if o.Cache == "" {
		dir, err := os.MkdirTemp("", "cf-cache-")
		if err != nil {
			return nil, fault.New(fault.NoSandbox, CodeSetup, "%w", err).On("make a folder for", "the sandbox")
		}
		o.Cache = dir
	}
	sweep(o.Cache)
	sweepCaches(o.Cache, time.Now())
	if o.Off {
		return &Box{o: o, found: finding{Tier: None, Why: "switched off by --no-sandbox"}}, nil
	}
	f, err := detect(ctx, o)
	if err != nil {
		return nil, err
	}
	if f.Tier == None {
		return nil, fault.New(fault.NoSandbox, CodeNone, "%s", f.Why).On("open", "the sandbox").
			Hint("apt-get install bubblewrap", "or run it without isolation: --no-sandbox")
	}
	return &Box{o: o, found: f}, nil
}

// Tier returns what Open found.
func (b *Box) Tier() Tier { return b.found.Tier }

// Why says in words how the tier was chosen.
func (b *Box) Why() string { return b.found.Why }

// Overlays tells whether a tree can be shown changed without copying it.
func (b *Box) Overlays() bool { return b.found.Overlay }

// Look returns the absolute path of a program on the user's PATH, see
// process.Look.
func (b *Box) Look(program string) (string, error) { return process.Look(program, b.o.Environ) }

// Getenv returns a variable of the user's environment, "" where it is unset.
func (b *Box) Getenv(key string) string { return process.Getenv(b.o.Environ, key) }

// View is the tree that a program sees.
type View struct {
	Root    string   // absolute: the user's tree, which is never written
	Layer   string   // absolute: a folder of files laid over Root; "" for none. Overlays only
	Deleted []string // files taken away, relative to Root, with slashes. Overlays only
	Copy    string   // absolute: a copy of the tree to use instead of an overlay; "" where one is used
	Folders []string // folders of Root, relative to it, that Copy lacks and that are shown as they are
}

// Command is a program to be run. Unset limits mean the defaults.
type Command struct {
	Program  string   // name, looked up on the user's PATH, or an absolute path; never one inside the tree
	Args     []string // no shell ever reads them
	Dir      string   // working folder, relative to the tree's root
	Env      []string // "NAME=value", beside the allow-listed environment
	Stdin    []byte
	ReadOnly []string // absolute paths shown beside the toolchain's own folders, such as a module cache
	Trace    bool     // its processes may trace each other, as LeakSanitizer does
	Limits   Limits
}

// Limits bound a program; 0 means the default.
type Limits struct {
	Wall        time.Duration // from start to end
	CPU         time.Duration // of each process
	MemoryBytes int64         // resident memory of all its processes together
	FileBytes   int64         // of one file
	OutputBytes int64         // kept of each stream, half of its head and half of its tail
	Processes   int           // at one time
}

// The defaults of Limits.
const (
	DefaultWall      = 2 * time.Minute
	DefaultCPU       = 2 * time.Minute
	DefaultMemory    = 4 << 30 // half of it on a machine with less than 8 GiB
	DefaultFile      = 256 << 20
	DefaultOutput    = process.DefaultOutputMax
	DefaultProcesses = 512
)

func (l Limits) orDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	memory := int64(DefaultMemory)
	if total := machineMemory(); total > 0 && total < 8<<30 {
		memory /= 2
	}
	def((*int64)(&l.Wall), int64(DefaultWall))
	def((*int64)(&l.CPU), int64(DefaultCPU))
	def(&l.MemoryBytes, memory)
	def(&l.FileBytes, DefaultFile)
	def(&l.OutputBytes, DefaultOutput)
	if l.Processes <= 0 {
		l.Processes = DefaultProcesses
	}
	return l
}
