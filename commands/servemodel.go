package commands

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bitactor/cf/llm/embedded"
)

// newServeModelCmd is the detached owner of the private server. cf starts it
// itself; its output is the server's log.
func newServeModelCmd(a *App) *cobra.Command {
	var idleMinutes int
	var dryRun bool
	cmd := &cobra.Command{
		Use:         "serve-model",
		Short:       "Run the private model server (cf starts this itself)",
		Example:     "  cf serve-model --idle-minutes 10",
		Hidden:      true,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return nil
			}
			return embedded.Serve(cmd.Context(), embedded.ServeOptions{
				Dir: a.setupPaths().Server(), Environ: a.Env.Environ, Idle: time.Duration(idleMinutes) * time.Minute,
			})
		},
	}
	cmd.Flags().IntVar(&idleMinutes, "idle-minutes", 10, "end after so many minutes without use; 0 = never")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "do nothing")
	return cmd
}
