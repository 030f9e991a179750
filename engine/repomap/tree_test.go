package repomap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bitactor/cf/workspace"
)

// write makes files below dir.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// open opens dir as a tree.
func open(t testing.TB, dir string) *workspace.Tree {
	t.Helper()
	tree, err := workspace.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// tokens counts four bytes as one.
func tokens(text string) int { return (len(text) + 3) / 4 }

// sources writes a file of each language that defines three things and uses some of
// its neighbours'. n numbers the file, uses are the numbers of others.
var sources = []struct {
	extension string
	text      func(n int, uses [3]int) string
}{
	{".go", func(n int, u [3]int) string {
		return fmt.Sprintf(`package p

// Job%d holds what one run needs.
type Job%d struct {
	Name  string
	Limit int
}

const limitOf%d = %d

// RunJob%d starts the job and adds up what comes of it.
func RunJob%d(j *Job%d, items []string) (int, error) {
	total := limitOf%d
	for _, item := range items {
		total += len(item) + RunJob%d(nil, items) + CheckJob%d(j.Name)
	}
	return total, nil
}

func CheckJob%d(name string) int { return RunJob%d(&Job%d{Name: name}, nil) }
`, n, n, n, n, n, n, n, n, u[0], u[1], n, u[2], u[2])
	}},
	{".py", func(n int, u [3]int) string {
		return fmt.Sprintf(`from .jobs import run_job_%d, check_job_%d

LIMIT_%d = %d


class Job%d:
    def __init__(self, name, limit=LIMIT_%d):
        self.name = name
        self.limit = limit

    def total(self, items):
        return sum(run_job_%d(self, i) for i in items)


def run_job_%d(job, items):
    return check_job_%d(job.name) + len(items)


def check_job_%d(name):
    return run_job_%d(Job%d(name), [])
`, u[0], u[1], n, n, n, n, u[0], n, u[1], n, u[2], n)
	}},
	{".js", func(n int, u [3]int) string {
		return fmt.Sprintf(`import { runJob%d, checkJob%d } from "./jobs.js";

export const limit%d = %d;

export class Job%d {
  constructor(name) {
    this.name = name;
  }
  total(items) {
    return items.map((i) => runJob%d(this, i)).length;
  }
}

export function runJob%d(job, items) {
  return checkJob%d(job.name) + items.length;
}

export function checkJob%d(name) {
  return runJob%d(new Job%d(name), []);
}
`, u[0], u[1], n, n, n, u[0], n, u[1], n, u[2], n)
	}},
	{".ex", func(n int, u [3]int) string {
		return fmt.Sprintf(`defmodule Jobs.Job%d do
  @moduledoc "One job."
  @limit %d

  def run_job_%d(name, items) do
    items
    |> Enum.map(fn i -> Jobs.Job%d.run_job_%d(name, i) end)
    |> Enum.sum()
  end

  def check_job_%d(name) when is_binary(name) do
    Jobs.Job%d.check_job_%d(name) + @limit
  end

  defp local_%d(x), do: x + 1
end
`, n, n, n, u[0], u[0], n, u[1], u[1], n)
	}},
	{".erl", func(n int, u [3]int) string {
		return fmt.Sprintf(`-module(job_%d).
-export([run_job_%d/2, check_job_%d/1]).

-record(job_%d, {name, limit}).

run_job_%d(Name, Items) ->
    lists:sum([job_%d:run_job_%d(Name, I) || I <- Items]).

check_job_%d(Name) ->
    job_%d:check_job_%d(Name) + %d.
`, n, n, n, n, n, u[0], u[0], n, u[1], u[1], n)
	}},
	{".c", func(n int, u [3]int) string {
		return fmt.Sprintf(`#include <stddef.h>

#define LIMIT_%d %d

struct job_%d {
	const char *name;
	size_t limit;
};

int run_job_%d(struct job_%d *job, size_t items)
{
	return run_job_%d(NULL, items) + check_job_%d(job->name);
}

int check_job_%d(const char *name)
{
	return name ? LIMIT_%d : run_job_%d(NULL, 0);
}
`, n, n, n, n, n, u[0], u[1], n, n, u[2])
	}},
	{".rs", func(n int, u [3]int) string {
		return fmt.Sprintf(`pub const LIMIT_%d: usize = %d;

pub struct Job%d {
    pub name: String,
    pub limit: usize,
}

pub fn run_job_%d(job: &Job%d, items: &[String]) -> usize {
    items.len() + run_job_%d(job, items) + check_job_%d(&job.name)
}

pub fn check_job_%d(name: &str) -> usize {
    name.len() + LIMIT_%d
}
`, n, n, n, n, n, u[0], u[1], n, u[2])
	}},
	{".sh", func(n int, u [3]int) string {
		return fmt.Sprintf(`#!/bin/sh
limit_%d=%d

run_job_%d() {
	for item in "$@"; do
		check_job_%d "$item" || return 1
	done
}

check_job_%d() {
	run_job_%d "$1" "$limit_%d"
}
`, n, n, n, u[0], n, u[1], n)
	}},
}

// writeTree makes a tree of n source files in folders of a hundred, each folder of
// one language. A file uses names of three others of its language, most of them near.
func writeTree(t testing.TB, dir string, n int) {
	t.Helper()
	const perFolder = 100
	for at := 0; at < n; at += perFolder {
		folder := at / perFolder
		files := map[string]string{}
		l := sources[folder%len(sources)]
		for i := at; i < min(n, at+perFolder); i++ {
			far := (i + perFolder*len(sources)*(1+i%7)) % n
			uses := [3]int{at + (i*7+1)%perFolder, at + (i*13+5)%perFolder, far}
			files[fmt.Sprintf("area%d/part%d/job_%d%s", folder%20, folder, i, l.extension)] = l.text(i, uses)
		}
		write(t, dir, files)
	}
}
