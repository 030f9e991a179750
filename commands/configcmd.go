package commands

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/view"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/spf13/cobra"
)

// Setting is one setting as cf config shows it.
type Setting struct {
	Key    string        `json:"key"`
	Value  any           `json:"value"`
	Origin config.Origin `json:"origin"`
	Env    []string      `json:"env,omitempty"`
	Flag   string        `json:"flag,omitempty"`
	Scope  config.Scope  `json:"scope"`
	Doc    string        `json:"doc"`
}

// Type names the event.
func (Setting) Type() string { return "setting" }

// PlainText renders the value alone.
func (s Setting) PlainText(int) string { return showValue(s.Value) + "\n" }

// Settings are all settings.
type Settings struct {
	Settings []Setting `json:"settings"`
}

// Type names the event.
func (Settings) Type() string { return "settings" }

// PlainText renders the table.
func (s Settings) PlainText(width int) string {
	rows := [][]string{{"KEY", "VALUE", "FROM", "WHAT IT IS"}}
	for _, e := range s.Settings {
		from := string(e.Origin.Source)
		if e.Origin.Where != "" {
			from += " " + e.Origin.Where
		}
		rows = append(rows, []string{e.Key, showValue(e.Value), from, e.Doc})
	}
	return view.Table(rows, width)
}

func showValue(v any) string {
	if v == "" {
		return `""`
	}
	return fmt.Sprint(v)
}

func newConfigCmd(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show or change the settings",
		Long: "A setting comes from a flag, else from the environment, else from your own file,\n" +
			"else from the repository's " + config.RepoFile + ", which may set only what can do no harm.\n\n" +
			configKeysText(),
		Example:     "  cf config list                  every setting and where it comes from\n  cf config get model\n  cf config set model qwen3:8b\n  cf config path",
		Annotations: map[string]string{annotEffect: effectRead},
	}
	cmd.AddCommand(newConfigListCmd(a), newConfigGetCmd(a), newConfigSetCmd(a), newConfigPathCmd(a))
	return cmd
}

func configKeysText() string {
	rows := [][]string{{"KEY", "DEFAULT", "WHAT IT IS"}}
	for _, k := range config.Keys() {
		by := append([]string{}, k.Env...)
		if k.Flag != "" {
			by = append(by, "--"+k.Flag)
		}
		if k.Scope == config.Repo {
			by = append(by, "a repository")
		}
		doc := k.Doc
		if len(by) > 0 {
			doc += " (also by " + strings.Join(by, ", ") + ")"
		}
		rows = append(rows, []string{k.Name, showValue(k.Default), doc})
	}
	return view.Table(rows, helpWidth)
}

func (a *App) setting(c *config.Config, k config.Key) Setting {
	return Setting{Key: k.Name, Value: c.Value(k.Name), Origin: c.Origin(k.Name), Env: k.Env, Flag: k.Flag, Scope: k.Scope, Doc: k.Doc}
}

func newConfigListCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use:         "list",
		Short:       "Show every setting and where it comes from",
		Example:     "  cf config list\n  cf config list --json",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			c, err := a.Config()
			if err != nil {
				return err
			}
			var all Settings
			for _, k := range config.Keys() {
				all.Settings = append(all.Settings, a.setting(c, k))
			}
			a.Events().Emit(all)
			return nil
		},
	}
}

func newConfigGetCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use:               "get KEY",
		Short:             "Show one setting",
		Example:           "  cf config get model\n  cf config get temperature --json",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeConfigKey,
		Annotations:       map[string]string{annotEffect: effectRead},
		RunE: func(cmd *cobra.Command, args []string) error {
			k, ok := config.Find(args[0])
			if !ok {
				return unknownKeyError(cmd, args[0])
			}
			c, err := a.Config()
			if err != nil {
				return err
			}
			a.Events().Emit(a.setting(c, k))
			return nil
		},
	}
}

func newConfigSetCmd(a *App) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change one setting in your own file",
		Long: "Comments and everything else in the file stay as they are.\n" +
			`An empty VALUE ("") gives a text setting back its default.`,
		Example:           "  cf config set model qwen3:8b\n  cf config set temperature 0.2 --dry-run",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeConfigKey,
		Annotations:       map[string]string{annotEffect: effectWrite},
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := config.Find(args[0]); !ok {
				return unknownKeyError(cmd, args[0])
			}
			file := a.userConfigFile()
			if file == "" {
				return noConfigFolder()
			}
			if err := config.Edit(file, args[0], args[1], dryRun); err != nil {
				return err
			}
			if dryRun {
				a.Events().Emit(event.Note{Level: "info", Text: fmt.Sprintf("would set %s to %q in %s", args[0], args[1], file)})
				return nil
			}
			a.Events().Emit(event.Saved{What: "setting", ID: args[0], Path: file})
			if c, err := a.Config(); err == nil && c.Origin(args[0]).Source == config.FromEnv {
				a.Events().Emit(event.Note{Level: "warn", Text: c.Origin(args[0]).Where + " is set in the environment and wins over the file"})
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check the value and say what would be written; write nothing")
	return cmd
}

func unknownKeyError(cmd *cobra.Command, key string) error {
	err := usageError(cmd, fmt.Errorf("unknown key %q", key))
	var names []string
	for _, k := range config.Keys() {
		names = append(names, k.Name)
	}
	if near := config.Nearest(key, names); near != "" {
		err.Hints = append([]string{fmt.Sprintf("did you mean %q?", near)}, err.Hints...)
	}
	return err
}

func noConfigFolder() error {
	return fault.New(fault.Failed, "no-config-folder", "there is no place for your settings: HOME and XDG_CONFIG_HOME are unset").
		Hint("set HOME, or set the value by its variable or flag")
}

// ConfigPath names the files that are read.
type ConfigPath struct {
	User string `json:"user"` // "" where HOME is unset
	Repo string `json:"repo"`
}

// Type names the event.
func (ConfigPath) Type() string { return "config-path" }

// PlainText renders the user's file alone, for scripts.
func (p ConfigPath) PlainText(int) string { return p.User + "\n" }

func newConfigPathCmd(a *App) *cobra.Command {
	return &cobra.Command{
		Use:         "path",
		Short:       "Say where your settings file is",
		Example:     "  cf config path\n  $EDITOR \"$(cf config path)\"",
		Args:        cobra.NoArgs,
		Annotations: map[string]string{annotEffect: effectRead},
		RunE: func(*cobra.Command, []string) error {
			file := a.userConfigFile()
			if file == "" {
				return noConfigFolder()
			}
			p := ConfigPath{User: file}
			if root := a.Project().Root; root != "" {
				p.Repo = filepath.Join(root, config.RepoFile)
			}
			a.Events().Emit(p)
			return nil
		},
	}
}
