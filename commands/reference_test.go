package commands

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitactor/cf/commands/config"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite docs/reference")

// TestReference keeps docs/reference equal to the tables in the code; -update
// writes it.
func TestReference(t *testing.T) {
	for name, text := range map[string]string{
		"exit-codes.md": exitCodesPage(), "config.md": configPage(), "network.md": networkPage(), "commands.md": commandsPage(t),
	} {
		path := filepath.Join("..", "docs", "reference", name)
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil || string(have) != text {
			t.Errorf("%s is not what the code says (%v); go test ./commands -run TestReference -update", path, err)
		}
	}
}

func exitCodesPage() string {
	var b strings.Builder
	b.WriteString("# Exit codes\n\nA code keeps its meaning for good; new ones may be added. Take one that you don't know for a failure.\n" +
		"With `--json` the last line on standard output carries it too: `{\"type\":\"exit\",\"code\":N,\"kind\":...,\"error\":...,\"hints\":[...]}`.\n" +
		"When the reader of standard output goes away, cf stops its work and ends with 1 without a word.\n\n| code | kind | meaning |\n| --- | --- | --- |\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", e.Code, e.Kind, e.Doc)
	}
	return b.String()
}

func configPage() string {
	var b strings.Builder
	b.WriteString("# Settings\n\nA flag wins over the environment, that over your own file (`cf config path`), that over the repository's\n" +
		"`" + config.RepoFile + "`, that over the default. A repository's file may hold only the keys marked *both*: the others\n" +
		"name hosts, models or secrets, and are unknown keys there. A `.env` is never read.\n\n" +
		"| key | type | default | variables | flag | file | meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, k := range config.Keys() {
		files, flag := "yours", ""
		if k.Scope == config.Repo {
			files = "both"
		}
		if k.Flag != "" {
			flag = "`--" + k.Flag + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s | %s | %s |\n", k.Name, k.Kind, showValue(k.Default), strings.Join(k.Env, ", "), flag, files, k.Doc)
	}
	b.WriteString(checkTablesText)
	for _, k := range config.CheckKeys() {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", k.Name, k.Kind, showValue(k.Default), k.Doc)
	}
	return b.String()
}

// checkTablesText is about the tables of a settings file.
const checkTablesText = "\n## Checks of your own\n\n" +
	"A table `[check.NAME]` adds a check, for a language that cf does not know or a rule of your team:\n\n" +
	"```toml\n[check.tsc]\nrun = [\"npx\", \"tsc\", \"--noEmit\"]\nfiles = [\"*.ts\", \"*.tsx\"]\n```\n\n" +
	"Both files may hold such tables. Those of a repository run only after `cf trust` has shown them to you and you have\n" +
	"said yes to that very file: any change of it takes the approval back. A check of yours goes before one of the same\n" +
	"name in a repository.\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"

func networkPage() string {
	var b strings.Builder
	b.WriteString("# What cf connects to\n\nThis is the whole list (`cf status --network` shows it with your settings).\n\n| host | when | why |\n| --- | --- | --- |\n")
	none := func(string) string { return "" }
	for _, c := range network(config.Defaults(), none).Contacts {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Host, c.When, c.Why)
	}
	return b.String()
}

func commandsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nEvery command takes `--json`, `-v` and `--color`; `cf help COMMAND` says the same.\n")
	walk(newRoot(testApp(t)), func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.IsAdditionalHelpTopicCommand() || !cmd.HasParent() {
			return
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", cmd.CommandPath(), cmd.Short)
		if cmd.Long != "" && cmd.Name() != "config" {
			fmt.Fprintf(&b, "\n%s\n", cmd.Long)
		}
		fmt.Fprintf(&b, "\n```\n%s\n```\n", cmd.UseLine())
		if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags.FlagUsages())
		}
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", cmd.Example)
		}
	})
	return b.String()
}
