// Command guide carries out the user's guide: every command line of
// testdata/guide/commands.txt in order, in one fresh folder, each followed by a
// check of what must be true after it. It prints a table and "N of 65".
//
//	guide -cf bin/cf -testdata testdata/guide [-only N,N] [-keep]
//
// It exits 1 when N is below the number in testdata/guide/floor, so that the
// number never falls. A model server must be reachable at OLLAMA_HOST.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/tools/witness"
)

// perCommand bounds one command. On two cores with the small model a reasoning
// session takes well under a minute.
const perCommand = 4 * time.Minute

// perChange bounds, in seconds, model and checks of a command that writes files, by
// a setting of cf: most ask for more than the small model can do, and hyper would
// try each for minutes. An assessment fills what it is given with mutants: its tests
// alone take half of perAssessment.
const (
	perChange     = "10"
	perAssessment = "60"
)

func main() {
	cf := flag.String("cf", "", "the cf program")
	testdata := flag.String("testdata", "", "folder with commands.txt and floor")
	only := flag.String("only", "", "run only these lines, such as 1,5")
	keep := flag.Bool("keep", false, "keep the folder and print its name")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *cf, *testdata, *only, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "guide:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cf, testdata, only string, keep bool) error {
	lines, err := readLines(filepath.Join(testdata, "commands.txt"))
	if err != nil {
		return err
	}
	floor, err := readFloor(filepath.Join(testdata, "floor"))
	if err != nil {
		return err
	}
	server := os.Getenv("OLLAMA_HOST")
	if server == "" {
		return errors.New("OLLAMA_HOST names no model server; run this through make guide")
	}
	proxy, err := witness.Watch(server)
	if err != nil {
		return err
	}
	defer proxy.Close()
	root, err := os.MkdirTemp("", "cf-guide-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("folder:", root)
	} else {
		defer os.RemoveAll(root)
	}
	g := &guide{cf: cf, root: root, proxy: proxy}
	passed, ran := 0, 0
	for i, line := range lines {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if only != "" && !slices.Contains(strings.Split(only, ","), strconv.Itoa(i+1)) {
			continue
		}
		ran++
		start := time.Now()
		err := g.step(ctx, line)
		mark := "yes"
		if err == nil {
			passed++
		} else {
			mark = "no "
		}
		fmt.Printf("%3d  %s  %5.1f s  %.90s\n", i+1, mark, time.Since(start).Seconds(), line)
		if err != nil {
			fmt.Printf("              %.160s\n", strings.ReplaceAll(err.Error(), "\n", " | "))
		}
	}
	fmt.Printf("\n%d of %d\n", passed, len(lines))
	if only == "" && passed < floor {
		return fmt.Errorf("%d commands can be carried out, %d could before", passed, floor)
	}
	if only == "" && passed > floor {
		fmt.Printf("the floor is %d: raise testdata/guide/floor\n", floor)
	}
	return nil
}

func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), nil
}

func readFloor(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
