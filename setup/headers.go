package setup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// Headers that Ollama's module lacks, for module archives leave out folders
// called vendor; each is proof of its package.
var (
	headerProof    = []string{"nlohmann/json.hpp", "stb/stb_image.h"}
	headerPackages = []string{"nlohmann-json3-dev", "libstb-dev"} // Debian's and Ubuntu's
	headerFolders  = []string{"/usr/include", "/usr/local/include", "/opt/homebrew/include"}
)

// headers returns the folders, in the compiler's order, that hold the missing
// headers. malgo is the folder of the module that carries miniaudio.h.
func (j *job) headers(ctx context.Context, malgo string) ([]string, error) {
	dir := filepath.Join(j.o.Paths.Cache, "ollama", "include")
	if err := os.MkdirAll(filepath.Join(dir, "miniaudio"), 0o700); err != nil {
		return nil, err
	}
	if err := copyFile(filepath.Join(malgo, "miniaudio.h"), filepath.Join(dir, "miniaudio", "miniaudio.h")); err != nil {
		return nil, err
	}
	if hasAll(dir, headerProof) {
		return []string{dir}, nil
	}
	folders := headerFolders
	if brew := process.Getenv(j.o.Environ, "HOMEBREW_PREFIX"); brew != "" {
		folders = append(folders[:len(folders):len(folders)], filepath.Join(brew, "include"))
	}
	for _, installed := range folders {
		if hasAll(installed, headerProof) {
			return []string{dir, installed}, nil
		}
	}
	if err := j.aptHeaders(ctx, dir); err != nil {
		return nil, err
	}
	return []string{dir}, nil
}

func (j *job) aptHeaders(ctx context.Context, dir string) error {
	root, err := j.aptUnpack(ctx, headerPackages...)
	if err != nil {
		var f *fault.Error
		errors.As(err, &f)
		return f.Hint("install the headers nlohmann/json.hpp and stb/stb_image.h (Debian: nlohmann-json3-dev libstb-dev; Fedora: json-devel stb_image-devel; Arch: nlohmann-json stb; macOS: brew install nlohmann-json, and stb from its repository)",
			"or install Ollama itself: https://ollama.com/download")
	}
	defer os.RemoveAll(root)
	for _, name := range []string{"nlohmann", "stb"} {
		to := filepath.Join(dir, name)
		if err := errors.Join(os.RemoveAll(to), os.Rename(filepath.Join(root, "usr", "include", name), to)); err != nil {
			return err
		}
	}
	if !hasAll(dir, headerProof) {
		return fault.New(fault.Failed, CodeTool, "the packages lack %v", headerProof).On("fetch headers", "")
	}
	return nil
}

// aptUnpack fetches Debian packages as the present user and unpacks them into a
// folder in the cache, which the caller removes. apt checks their signatures.
// Where there are no package lists, it fetches them into the cache first.
func (j *job) aptUnpack(ctx context.Context, packages ...string) (root string, err error) {
	env := process.Setenv(j.o.Environ, "LC_ALL=C")
	apt, err1 := process.Look("apt-get", env)
	dpkg, err2 := process.Look("dpkg", env)
	if err := errors.Join(err1, err2); err != nil || j.o.Offline {
		if j.o.Offline {
			err = errOffline
		}
		return "", fault.New(fault.Failed, CodeTool, "%w", err).On("fetch packages", "")
	}
	base := filepath.Join(j.o.Paths.Cache, "apt")
	debs := filepath.Join(base, "debs")
	lists := filepath.Join(base, "lists")
	for _, dir := range []string{debs, filepath.Join(lists, "partial"), filepath.Join(base, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	run := func(path string, args ...string) error {
		r, err := process.Run(ctx, process.Command{Path: path, Args: args, Dir: debs, Env: env, ParentDeath: syscall.SIGTERM})
		if err != nil {
			return fault.New(fault.Failed, CodeDownload, "%w: %s", err, r.Describe()).On("fetch packages", "")
		}
		return nil
	}
	private := []string{"-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + base, "-o", "Debug::NoLocking=1"}
	download := append([]string{"download"}, packages...)
	if err = run(apt, download...); err != nil && ctx.Err() == nil {
		j.o.note("info", "apt has no package lists that serve; fetching them into cf's own cache")
		// One dead source of many fails the update, and yet the packages may come.
		update := run(apt, append(private, "update")...)
		if err = run(apt, append(private, download...)...); err != nil && update != nil {
			err = update
		}
	}
	if err != nil {
		return "", err
	}
	root = filepath.Join(base, "root.new")
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(root)
		}
	}()
	for _, p := range packages {
		files, _ := filepath.Glob(filepath.Join(debs, p+"_*.deb"))
		if len(files) == 0 {
			return root, fault.New(fault.Failed, CodeDownload, "apt-get left no file of %s", p).On("fetch packages", "")
		}
		if err = run(dpkg, "-x", files[len(files)-1], root); err != nil {
			return root, err
		}
	}
	return root, os.RemoveAll(debs)
}

func hasAll(dir string, files []string) bool {
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			return false
		}
	}
	return true
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
