package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/engine/calibrate"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/prompts"
	"github.com/spf13/cobra"
)

// Calibration is what cf calibrate knows of a model.
type Calibration struct {
	Model     string         `json:"model"`
	Digest    string         `json:"digest,omitempty"`
	Parts     []profile.Part `json:"parts,omitempty"`
	Missing   []string       `json:"missing,omitempty"`   // parts that were not measured
	Edit      string         `json:"edit,omitempty"`      // what of a file the engine asks for: "symbol", "file"
	Layout    string         `json:"layout,omitempty"`    // whether it shows cases of tests: "cases", "bare"
	Reasoning string         `json:"reasoning,omitempty"` // how cf ultrathink asks: "one-call", "per-section"
}

// Type names the event.
func (Calibration) Type() string { return "calibration" }

// PlainText renders one line a part.
func (c Calibration) PlainText(width int) string {
	rows := [][]string{{"MEASURED", "OUTCOME", "TIME"}}
	for _, p := range c.Parts {
		rows = append(rows, []string{calibrate.Title(p.Name), calibrate.Describe(p), fmt.Sprintf("%.0f s", p.Seconds)})
	}
	for _, name := range c.Missing {
		rows = append(rows, []string{calibrate.Title(name), "not measured", "-"})
	}
	return c.Model + "\n\n" + view.Table(rows, width)
}

func calibrationOf(model, digest string, p profile.Profile, missing []string) Calibration {
	c := Calibration{Model: model, Digest: digest, Missing: missing, Reasoning: string(p.Layout)}
	if p.Calibration != nil && p.Calibration.Version == profile.CalibrationVersion {
		c.Parts = p.Calibration.Parts
	}
	if e := calibrate.Profile(p); e != nil {
		c.Edit, c.Layout = string(e.Edit), string(e.Layout)
	}
	return c
}

type calibrateOptions struct {
	again, dryRun bool
	budget        time.Duration
}

func newCalibrateCmd(a *App) *cobra.Command {
	var o calibrateOptions
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure once how a model is best asked",
		Long: "Asks the model some dozens of small questions, in under five minutes, and keeps what\n" +
			"follows from the answers for as long as the model is the same: how much of a file it\n" +
			"writes well, whether cases of tests help it, at which temperature its answers differ,\n" +
			"whether it keeps headings and JSON, whether thinking helps, in how much text it finds\n" +
			"something, and how fast it is. Every other verb goes by it; without it cf goes by the\n" +
			"model's size. What is finished is kept when the run is stopped; the next goes on.",
		Example:     "  cf calibrate\n  cf calibrate --model qwen3:4b\n  cf calibrate show",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectAsk},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.budget <= 0 {
				return usageError(cmd, fmt.Errorf("--budget %s: it must be more than nothing", o.budget))
			}
			return a.calibrate(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.again, "again", false, "measure anew what is known")
	f.DurationVar(&o.budget, "budget", calibrate.Budget, "the longest `time` that it may take")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be measured; ask no model")
	show := &cobra.Command{
		Use:         "show",
		Short:       "Show what was measured of a model",
		Example:     "  cf calibrate show\n  cf calibrate show --model qwen3:4b",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectRead},
		RunE:        func(cmd *cobra.Command, _ []string) error { return a.showCalibration(cmd.Context()) },
	}
	configFlags(show, "model", "host", "provider")
	cmd.AddCommand(show)
	return cmd
}

// known is the profile of a model, which a dry run may read too.
func (a *App) known(digest string) profile.Profile {
	return profile.Open(below(a.Env.Paths.Cache, "profiles")).Get(digest)
}

func (a *App) showCalibration(ctx context.Context) error {
	model, _ := a.flag("model")
	b, err := a.Connect(ctx, model)
	if err != nil {
		return err
	}
	defer b.Release()
	p := a.known(b.Model.Digest)
	a.Events().Emit(calibrationOf(b.Model.Name, b.Model.Digest, p, calibrate.Missing(p.Calibration, b.Model)))
	return nil
}

func (a *App) calibrate(ctx context.Context, o calibrateOptions) error {
	cfg, err := a.Config()
	if err != nil {
		return err
	}
	words, err := prompts.Load(a.wordsDir())
	if err != nil {
		return err
	}
	model, _ := a.flag("model")
	b, err := a.Connect(ctx, model)
	if err != nil {
		return err
	}
	defer b.Release()
	a.Events().Emit(b.Event)
	known := a.known(b.Model.Digest).Calibration
	if o.again {
		known = nil
	}
	missing := calibrate.Missing(known, b.Model)
	switch {
	case o.dryRun:
		for _, name := range missing {
			a.Events().Emit(event.Step{ID: "calibrate." + name, Title: calibrate.Title(name), State: event.Planned})
		}
		return a.showCalibration(ctx)
	case len(missing) == 0:
		a.Events().Emit(event.Note{Level: "info", Text: "all is known of this model; --again measures it anew"})
		return a.showCalibration(ctx)
	case b.Model.Digest == "":
		a.Events().Emit(event.Note{Level: "warn", Text: "the server tells no digest of the model: what is measured can't be kept"})
	}
	store := profile.Open(a.cacheDir("profiles"))
	c := &calibrate.Calibrator{
		Provider: b.Provider, Model: b.Model, Window: b.Window, Counter: b.Counter, Words: words, Events: a.Events(), Now: a.Env.Now,
		Seed: cfg.Seed, Budget: o.budget,
	}
	_, err = c.Run(ctx, known, func(found *profile.Calibration) error {
		return keepCalibration(store, b.Model.Digest, found)
	})
	p := store.Get(b.Model.Digest)
	a.Events().Emit(calibrationOf(b.Model.Name, b.Model.Digest, p, calibrate.Missing(p.Calibration, b.Model)))
	return err
}

// keepCalibration stores what was measured, and the layout of cf ultrathink with
// it.
func keepCalibration(store *profile.Store, digest string, found *profile.Calibration) error {
	err := store.Update(digest, func(p *profile.Profile) {
		p.Calibration = found
		if layout := calibrate.Reasoning(*p); layout != "" {
			p.Layout = layout
		}
	})
	if err != nil {
		return fault.New(fault.Failed, "", "%w", err).On("keep", "the profile")
	}
	return nil
}

// calibrated says in a few words what is known of a model; "" if nothing.
func (a *App) calibrated(digest string) string {
	p := a.known(digest)
	if _, ok := p.Calibration.Part(calibrate.Edit); !ok {
		return ""
	}
	e := calibrate.Profile(p)
	words := []string{"calibrated: asked for a " + string(e.Edit)}
	if e.Layout != "" {
		words = append(words, string(e.Layout))
	}
	if layout := calibrate.Reasoning(p); layout != "" {
		words = append(words, "reasons "+string(layout))
	}
	return strings.Join(words, ", ")
}
