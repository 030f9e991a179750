package commands

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Version says which cf this is.
type Version struct {
	Version  string `json:"version"` // of the module; "(devel)" for a build from a checkout
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Type names the event.
func (Version) Type() string { return "version" }

// PlainText renders the version.
func (v Version) PlainText(int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cf %s\n", v.Version)
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = " (with changes)"
		}
		fmt.Fprintf(&b, "commit %s %s%s\n", v.Commit, v.Time, changed)
	}
	fmt.Fprintf(&b, "%s %s/%s\n", v.Go, v.OS, v.Arch)
	return b.String()
}

// version is set by the linker (see the Makefile); "" for a plain go build.
var version string

// buildVersion reads what the linker and the Go toolchain wrote into the binary.
func buildVersion() Version {
	v := Version{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	if version != "" {
		v.Version = version
	}
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersionCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Say which cf this is",
		Example:     "  cf version\n  cf version --json",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			a.Events().Emit(buildVersion())
			return nil
		},
	}
}
