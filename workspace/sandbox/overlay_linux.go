package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// optionsMost is how long the options of a mount may be: one page.
const optionsMost = 4095

// mountTree returns the folder in which the tree to show now lies: the overlay,
// or the copy. It runs in the init's own mount namespace.
func (p *policy) mountTree() (string, error) {
	// Nothing that is mounted here may spread to the user's namespace.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return "", &setupError{CodeSetup, "make the mounts private", err}
	}
	if p.View.Copy != "" {
		return p.View.Copy, nil
	}
	s := scratch(p.Scratch)
	merged := s.at("merged")
	if err := mountOverlay(merged, s.at("upper"), s.at("work"), p.View.Layer, p.View.Root); err != nil {
		return "", &setupError{CodeOverlay, "mount an overlay over " + p.View.Root, err}
	}
	if err := takeAway(merged, p.View.Deleted); err != nil {
		return "", &setupError{CodeOverlay, "take away deleted files", err}
	}
	return merged, nil
}

// mountOverlay mounts the folders lower, the first on top, with what is written
// going to upper. userxattr is what the kernel asks for in a user namespace,
// volatile leaves out syncs that nobody needs of a folder that is thrown away
// (Documentation/filesystems/overlayfs.rst).
func mountOverlay(at, upper, work string, lower ...string) error {
	var layers []string
	for _, dir := range lower {
		if dir != "" {
			layers = append(layers, escape(dir))
		}
	}
	base := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", strings.Join(layers, ":"), escape(upper), escape(work))
	if len(base) > optionsMost-len(",volatile") {
		return unix.ENAMETOOLONG
	}
	err := unix.Mount("overlay", at, "overlay", unix.MS_NOSUID|unix.MS_NODEV, base+",volatile")
	if errors.Is(err, unix.EINVAL) { // before Linux 5.10
		err = unix.Mount("overlay", at, "overlay", unix.MS_NOSUID|unix.MS_NODEV, base)
	}
	return err
}

// escape keeps a path from being read as two, or as another option.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`).Replace(path)
}

// takeAway removes the files rels from the merged tree, which leaves the user's
// as they are. os.Root keeps a link in the tree from leading elsewhere. A path
// that is gone, or that a file of the layer turned into a folder, is done.
func takeAway(merged string, rels []string) error {
	if len(rels) == 0 {
		return nil
	}
	root, err := os.OpenRoot(merged)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, rel := range rels {
		name := filepath.FromSlash(rel)
		info, err := root.Lstat(name)
		if err != nil || info.IsDir() {
			continue
		}
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}
