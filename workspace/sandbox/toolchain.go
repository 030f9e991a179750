package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bitactor/cf/process"
)

// systemDirs are shown as they are, read-only. None holds what is the user's.
var systemDirs = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"}

// systemFiles are the parts of /etc that compilers and interpreters read. The
// rest, such as shadow, ssl/private or a site's own files, is not there.
var systemFiles = []string{
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime", "/etc/timezone",
	"/etc/nsswitch.conf", "/etc/protocols", "/etc/services", "/etc/mime.types", "/etc/magic", "/etc/os-release",
	"/etc/debian_version", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs",
	"/etc/crypto-policies", "/etc/python3", "/etc/python3.11", "/etc/perl", "/etc/locale.alias", "/etc/locale.conf",
	"/sys/devices/system/cpu",
}

// managers are programs that keep toolchains in the user's home. Where PATH
// leads into one, its folder is shown and its variable set, because its default
// is below the HOME that the sandbox hides. None of these folders holds secrets.
var managers = []struct{ variable, below string }{
	{"PYENV_ROOT", ".pyenv"},
	{"ASDF_DATA_DIR", ".asdf"},
	{"NVM_DIR", ".nvm"},
	{"VOLTA_HOME", ".volta"},
	{"RBENV_ROOT", ".rbenv"},
	{"MISE_DATA_DIR", filepath.Join(".local", "share", "mise")},
	{"FNM_DIR", filepath.Join(".local", "share", "fnm")},
}

// toolchain is what a program needs to see beside the tree.
type toolchain struct {
	shown []string // absolute paths, read-only
	path  []string // folders of PATH
	env   []string // "NAME=value"
}

// toolchainOf collects the folders that the program at path needs, and those of
// the toolchains on the user's PATH. more are paths that the caller names.
func toolchainOf(path string, user []string, root string, more []string) toolchain {
	t := toolchain{shown: slices.Clone(more)}
	home := process.Getenv(user, "HOME")
	dirs := pathOf(user, root)
	for _, dir := range dirs {
		t.addManager(dir, home, user)
		if within("/opt", dir) || within("/snap", dir) {
			t.shown = append(t.shown, prefix(dir, home))
		}
	}
	for _, p := range []string{path, resolved(path)} {
		if !t.shows(p) {
			t.shown = append(t.shown, prefix(filepath.Dir(p), home))
		}
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && t.shows(dir) && !slices.Contains(t.path, dir) {
			t.path = append(t.path, dir)
		}
	}
	return t
}

// addManager shows the toolchains of the manager that a folder of PATH is of.
func (t *toolchain) addManager(dir, home string, user []string) {
	if !filepath.IsAbs(home) {
		return
	}
	at := func(variable, below string) string {
		if v := process.Getenv(user, variable); filepath.IsAbs(v) && !within(v, home) {
			return filepath.Clean(v)
		}
		return filepath.Join(home, below)
	}
	for _, m := range managers {
		if folder := at(m.variable, m.below); within(folder, dir) && !slices.Contains(t.shown, folder) {
			t.shown = append(t.shown, folder)
			t.env = append(t.env, m.variable+"="+folder)
		}
	}
	// Cargo's own folder holds the user's credentials, so only its programs are
	// shown: they are links to rustup, which keeps the toolchains elsewhere.
	if dir == filepath.Join(at("CARGO_HOME", ".cargo"), "bin") && !slices.Contains(t.shown, dir) {
		rustup := at("RUSTUP_HOME", ".rustup")
		t.shown = append(t.shown, dir, rustup)
		t.env = append(t.env, "RUSTUP_HOME="+rustup)
	}
}

// shows tells whether a path can be seen.
func (t *toolchain) shows(path string) bool {
	for _, list := range [][]string{systemDirs, t.shown} {
		for _, dir := range list {
			if within(dir, path) {
				return true
			}
		}
	}
	return false
}

// prefix is the folder to show for a program in dir: the one it was installed
// under where that is plain, else dir alone. A folder with a "lib" beside its
// "bin" is an install prefix; the home folder, or one above it, never is.
func prefix(dir, home string) string {
	above := filepath.Dir(dir)
	switch {
	case !slices.Contains([]string{"bin", "sbin", "shims"}, filepath.Base(dir)), above == "/":
		return dir
	case filepath.IsAbs(home) && within(above, home), above == filepath.Join(home, ".local"):
		return dir
	}
	if info, err := os.Stat(filepath.Join(above, "lib")); err == nil && info.IsDir() {
		return above
	}
	return dir
}

// tooWide says why a path may not be shown to a program, or "".
func tooWide(path, home string) string {
	switch {
	case !filepath.IsAbs(path), strings.ContainsRune(path, 0):
		return "not an absolute path"
	case within(path, "/usr"), within(path, "/etc"), within(path, "/proc"):
		return "holds the system's own folders"
	case filepath.IsAbs(home) && within(path, home):
		return "holds the user's home folder"
	}
	return ""
}
