package setup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/process"
)

// Bounds of an archive's content.
const (
	unpackedMax = 16 << 30 // bytes
	entriesMax  = 10000
)

// fetchArchive installs the official release below the cache and returns the
// program. The archive is kept until it was unpacked.
func (j *job) fetchArchive(ctx context.Context) (binary string, err error) {
	dir := filepath.Join(j.o.Paths.Cache, "ollama", "release-"+ollamaVersion)
	for _, name := range []string{"bin/ollama", "ollama"} {
		if found, err := process.Look(filepath.Join(dir, name), nil); err == nil {
			return found, nil
		}
	}
	src := j.o.Sources
	sums, err := fetchText(ctx, src.Client, src.Release+"/sha256sum.txt")
	if err != nil {
		return "", err
	}
	sum := parseSums(sums, j.facts.archive)
	if sum == "" {
		return "", fault.New(fault.Failed, CodeChecksum, "the release lists no checksum of %s", j.facts.archive).On("download", src.Release)
	}
	file := filepath.Join(j.o.Paths.Cache, j.facts.archive)
	if err := fetch(ctx, src.Client, j.o.Events, stepArchive.ID, src.Release+"/"+j.facts.archive, file, sum); err != nil {
		return "", err
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := unpack(ctx, file, fresh); err != nil {
		return "", fault.New(fault.Failed, CodeDownload, "%w", err).On("unpack", file)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(fresh, dir), os.Remove(file)); err != nil {
		return "", err
	}
	for _, name := range []string{"bin/ollama", "ollama"} {
		if found, err := process.Look(filepath.Join(dir, name), nil); err == nil {
			return found, nil
		}
	}
	return "", fault.New(fault.Failed, CodeDownload, "it holds no program called ollama").On("unpack", j.facts.archive)
}

// unpack writes a .tar.zst or .tgz below dir, which it makes. Only folders,
// regular files and links inside dir are taken; anything else is an error.
func unpack(ctx context.Context, file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var plain io.Reader
	if strings.HasSuffix(file, ".zst") {
		z, err := zstd.NewReader(f)
		if err != nil {
			return err
		}
		defer z.Close()
		plain = z
	} else {
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		plain = z
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return untar(ctx, tar.NewReader(io.LimitReader(plain, unpackedMax)), root)
}

func untar(ctx context.Context, t *tar.Reader, root *os.Root) error {
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if !fs.ValidPath(name) {
			return fmt.Errorf("entry %q is outside the archive", h.Name)
		}
		if n == entriesMax {
			return fmt.Errorf("more than %d entries", entriesMax)
		}
		if err := untarEntry(t, h, name, root); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
}

func untarEntry(t *tar.Reader, h *tar.Header, name string, root *os.Root) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if target := path.Join(path.Dir(name), h.Linkname); path.IsAbs(h.Linkname) || !fs.ValidPath(target) {
			return fmt.Errorf("link to %q leads outside", h.Linkname)
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if h.FileInfo().Mode()&0o100 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, t)
		return errors.Join(err, f.Close())
	default:
		return fmt.Errorf("type %q is not taken", h.Typeflag)
	}
}
