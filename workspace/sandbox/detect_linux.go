package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// finding is what was found out about this machine.
type finding struct {
	Tier    Tier
	Why     string // in words
	Overlay bool
	Bwrap   string // absolute path, in tier Bubblewrap
	ABI     int    // of Landlock
}

// remembered is a finding with everything it depends on.
type remembered struct {
	Key     string
	Finding finding
}

// detect finds the tier, by trying it or from what was found since the machine
// booted. A finding that is no longer true makes runs fail, never less safe.
func detect(ctx context.Context, o Options) (finding, error) {
	bwrap, lookErr := process.Look("bwrap", o.Environ)
	key := keyOf(bwrap)
	file := filepath.Join(o.Cache, "sandbox.json")
	var known remembered
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &known) == nil && known.Key == key && key != "" {
		return known.Finding, nil
	}
	f := finding{Tier: None, ABI: landlockABI()}
	why := "bwrap is not installed"
	if lookErr == nil {
		f.Tier, f.Bwrap, f.Overlay = Bubblewrap, bwrap, true
		err := try(ctx, o, f)
		if fault.CodeOf(err) == CodeOverlay {
			f.Overlay = false
			err = try(ctx, o, f)
		}
		if ctx.Err() != nil {
			return finding{}, fault.New(fault.Interrupted, process.CodeCanceled, "%w", context.Cause(ctx)).On("open", "the sandbox")
		}
		if err == nil {
			f.Why = "bwrap works and user namespaces are on"
			if !f.Overlay {
				f.Why += "; overlays don't work here, so trees are copied"
			}
			remember(file, key, f)
			return f, nil
		}
		why = "bwrap does not work here: " + strings.TrimSpace(err.Error())
	}
	f = finding{Tier: Landlock, ABI: f.ABI}
	err := fmt.Errorf("this kernel's Landlock is of ABI %d, and %d is needed", f.ABI, abiLeast)
	if f.ABI >= abiLeast {
		err = try(ctx, o, f)
	}
	if err != nil {
		return finding{Tier: None, Why: why + "; " + strings.TrimSpace(err.Error())}, nil
	}
	f.Why = why + "; Landlock (ABI " + strconv.Itoa(f.ABI) + ") and seccomp are the weaker tier"
	remember(file, key, f)
	return f, nil
}

// try runs a program that does nothing in the tier, over a folder made for it.
func try(ctx context.Context, o Options, f finding) error {
	s, err := newScratch(o.Cache, "tree")
	if err != nil {
		return err
	}
	defer s.remove()
	v := View{Root: s.at("tree")}
	if !f.Overlay {
		v.Copy = v.Root
	}
	// Its own PATH, so that a wrapper in the user's is not what is tried.
	b := &Box{o: Options{Environ: []string{"PATH=/usr/bin:/bin"}, Cache: o.Cache}, found: f}
	_, err = b.Run(ctx, v, Command{Program: "true"})
	return err
}

// keyOf names everything that a finding depends on: the boot, the user, and the
// programs cf and bwrap as they are now; "" where that can't be told.
func keyOf(bwrap string) string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	key := fmt.Sprintf("%s uid=%d", strings.TrimSpace(string(boot)), os.Getuid())
	for _, path := range []string{"/proc/self/exe", bwrap} {
		var st unix.Stat_t
		if path == "" {
			continue
		}
		if err := unix.Stat(path, &st); err != nil {
			return ""
		}
		key += fmt.Sprintf(" %d:%d:%d.%d", st.Dev, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
	}
	// A container can share the boot and the files and forbid namespaces.
	for _, name := range []string{"/proc/self/ns/user", "/proc/self/ns/mnt"} {
		link, err := os.Readlink(name)
		if err != nil {
			return ""
		}
		key += " " + link
	}
	return key + " " + bwrap
}

// remember keeps a finding; without it the next start tries again.
func remember(file, key string, f finding) {
	text, err := json.Marshal(remembered{Key: key, Finding: f})
	if err != nil || key == "" {
		return
	}
	part := file + "." + strconv.Itoa(os.Getpid())
	if os.WriteFile(part, text, 0o600) == nil && os.Rename(part, file) != nil {
		os.Remove(part)
	}
}
