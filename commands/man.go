package commands

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCmd(a *App) *cobra.Command {
	var dir string
	var dryRun bool
	cmd := &cobra.Command{
		Use:         "man",
		Short:       "Write the manual pages into a folder",
		Example:     "  cf man --dir ~/.local/share/man/man1\n  cf man --dir /tmp/man --dry-run",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usageError(cmd, fmt.Errorf("--dir is missing: the folder to write into"))
			}
			return a.writeMan(cmd.Root(), dir, dryRun)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`FOLDER` to write into; made if it is missing")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say which pages would be written; write nothing")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

// writeMan writes a page for each visible command of the tree.
func (a *App) writeMan(root *cobra.Command, dir string, dryRun bool) error {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.Env.Dir, dir)
	}
	if !dryRun {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.New(fault.Failed, "write", "%w", err).On("man", "")
		}
	}
	root.DisableAutoGenTag = true // pages of the same cf are the same bytes
	date := time.Unix(0, 0)
	for _, cmd := range visible(root) {
		path := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		if dryRun {
			a.Events().Emit(event.Note{Level: "info", Text: "would write " + path})
			continue
		}
		var page bytes.Buffer
		header := &doc.GenManHeader{Section: "1", Source: "cf " + buildVersion().Version, Manual: "cf", Date: &date}
		if err := doc.GenMan(cmd, header, &page); err != nil {
			return fault.New(fault.Failed, "man", "%w", err).On("man", path)
		}
		if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
			return fault.New(fault.Failed, "write", "%w", err).On("man", "")
		}
		a.Events().Emit(event.Saved{What: "page", Path: path})
	}
	return nil
}

// visible returns cmd and the commands below it that help shows.
func visible(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			all = append(all, visible(sub)...)
		}
	}
	return all
}
