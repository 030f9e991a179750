package scaffold

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/fault"
)

const blocksPath = "bitactor_otp/lib/bitactor/blocks.ex"

// parts prints what blocks add, as the block app does in Elixir.
const parts = `⟦range .Children⟧child ⟦.Spec⟧
⟦end⟧⟦range .HealthChecks⟧health ⟦.Name⟧ ⟦.Call⟧
⟦end⟧⟦range .EventSources⟧events ⟦.⟧
⟦end⟧⟦range .MetricSources⟧metrics ⟦.⟧
⟦end⟧⟦range .Routes⟧route ⟦.Method⟧ ⟦.Path⟧ ⟦.Call⟧
⟦end⟧end
`

// small is a catalogue with what blocks can have.
func small() fstest.MapFS {
	return files(map[string]string{
		"app/block.yaml":                       "id: app\ntitle: App\nanswers: [otp application]\ntemplated: [" + blocksPath + "]\n",
		"app/files/" + blocksPath:              parts,
		"app/files/bitactor_otp/mix.exs":       "mix\n",
		"app/files/bitactor_otp/.gitignore":    "/_build\n",
		"worker/block.yaml":                    "id: worker\ntitle: Worker\nanswers: [actor process, state replay]\nneeds: [app]\nchildren: [{order: 50, spec: \"{BitActor.Worker, []}\"}]\nevent_sources: [BitActor.Worker]\n",
		"worker/files/bitactor_otp/lib/w.ex":   "one\ntwo\nthree\nfour\nfive\nsix\n",
		"worker/files/bitactor_otp/test/w.exs": "test\n",
		"health/block.yaml": "id: health\ntitle: Health\nanswers: [health checks]\nneeds: [app]\nchildren: [{order: 90, spec: \"{BitActor.Health, []}\"}]\n" +
			"health_checks: [{name: nif, call: \"BitActor.NIF.healthy?/0\"}]\nroutes: [{method: GET, path: /livez, call: \"BitActor.Health.livez/1\"}]\nmodes: {bitactor_otp/bin/probe: \"0755\"}\n",
		"health/files/bitactor_otp/lib/h.ex":  "health\n",
		"health/files/bitactor_otp/bin/probe": "#!/bin/sh\n",
		"image/block.yaml": "id: image\ntitle: Image\nanswers: [container image]\nneeds: [app]\ntemplated: [docker/Dockerfile]\n" +
			"variables:\n  image: {type: image, default: \"debian:12\", help: base}\n  port: {type: port, default: 80, help: port}\n  mode: {type: enum, values: [a, b], default: a, help: mode}\n",
		"image/files/docker/Dockerfile": "FROM ⟦.Vars.image⟧\nEXPOSE ⟦.Vars.port⟧\n⟦if .Has \"health\"⟧HEALTHCHECK x\n⟦end⟧# ⟦.Profile⟧ ⟦.Vars.mode⟧\n",
		"image/files/docker/raw":        "⟦ stays ⟧ {{ .Too }}\n",
		"core/block.yaml":               "id: core\ntitle: Core\nanswers: [c core]\namalgamation: src/cns\nprofiles: [otp]\n",
	})
}

func files(texts map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range texts {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func load(t *testing.T, fsys fstest.MapFS) *Catalogue {
	t.Helper()
	c, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// texts renders blocks with what they need.
func texts(t *testing.T, c *Catalogue, vars map[string]string, profile string, ids ...string) map[string]string {
	t.Helper()
	all, err := c.Closure(ids...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Render(Input{Blocks: all, Vars: vars, Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range out {
		got[f.Path] = string(f.Content)
		if want := map[bool]os.FileMode{true: 0o755, false: 0o644}[f.Path == "bitactor_otp/bin/probe"]; f.Mode != want {
			t.Errorf("%s has mode %o", f.Path, f.Mode)
		}
	}
	return got
}

func TestRender(t *testing.T) {
	c := load(t, small())
	got := texts(t, c, map[string]string{"port": "9568"}, ProfileOTP, "image", "health", "worker")
	for path, want := range map[string]string{
		"docker/Dockerfile":       "FROM debian:12\nEXPOSE 9568\nHEALTHCHECK x\n# otp a\n",
		"docker/raw":              "⟦ stays ⟧ {{ .Too }}\n",
		"bitactor_otp/.gitignore": "/_build\n",
	} {
		if got[path] != want {
			t.Errorf("%s is %q, want %q", path, got[path], want)
		}
	}
	want := "child {BitActor.Worker, []}\nchild {BitActor.Health, []}\nhealth nif BitActor.NIF.healthy?/0\n" +
		"events BitActor.Worker\nroute GET /livez BitActor.Health.livez/1\nend\n"
	if diff := cmp.Diff(want, got[blocksPath]); diff != "" {
		t.Errorf("the parts of the blocks (-want +got):\n%s", diff)
	}
	alone := texts(t, c, nil, ProfileHex, "image")
	if want = "FROM debian:12\nEXPOSE 80\n# hex a\n"; alone["docker/Dockerfile"] != want {
		t.Errorf("alone it is %q, want %q", alone["docker/Dockerfile"], want)
	}
	again := texts(t, c, map[string]string{"port": "9568"}, ProfileOTP, "worker", "image", "health", "health")
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("a second time, in another order (-first +second):\n%s", diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	c := load(t, small())
	for name, tt := range map[string]struct {
		in   Input
		code string
	}{
		"no such block":     {Input{Blocks: []string{"nope"}, Profile: ProfileOTP}, CodeNoBlock},
		"a need is missing": {Input{Blocks: []string{"worker"}, Profile: ProfileOTP}, CodeBadBlock},
		"profile":           {Input{Blocks: []string{"app"}, Profile: "x"}, CodeBadProfile},
		"block's profile":   {Input{Blocks: []string{"core"}, Profile: ProfileHex}, CodeBadProfile},
		"unknown variable":  {Input{Blocks: []string{"app"}, Profile: ProfileOTP, Vars: map[string]string{"nope": "1"}}, CodeBadVariable},
		"port":              {Input{Blocks: []string{"app"}, Profile: ProfileOTP, Vars: map[string]string{"port": "70000"}}, CodeBadVariable},
		"enum":              {Input{Blocks: []string{"app"}, Profile: ProfileOTP, Vars: map[string]string{"mode": "c"}}, CodeBadVariable},
		"image":             {Input{Blocks: []string{"app"}, Profile: ProfileOTP, Vars: map[string]string{"image": "a b\nRUN x"}}, CodeBadVariable},
	} {
		if _, err := c.Render(tt.in); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want code %s", name, err, tt.code)
		}
	}
}

// TestLoadRefuses: a catalogue that does not fit together is not used, and the
// message names the block and the reason.
func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string // over the small catalogue
		says       string
	}{
		"unknown field":       {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nneed: [x]\n", `app: block.yaml: [4:1] unknown field "need"`},
		"not yaml":            {"app/block.yaml", "id: [\n", "app: block.yaml: [1:"},
		"other id":            {"app/block.yaml", "id: ap\ntitle: A\nanswers: [a]\n", `its id is "ap"`},
		"no title":            {"app/block.yaml", "id: app\nanswers: [a]\n", "no title"},
		"answers nothing":     {"app/block.yaml", "id: app\ntitle: A\n", "answers nothing"},
		"unknown need":        {"worker/block.yaml", "id: worker\ntitle: A\nanswers: [a]\nneeds: [nope]\n", "needs nope, which is no block"},
		"circle":              {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nneeds: [worker]\n", "app -> worker -> app"},
		"need in no profile":  {"worker/block.yaml", "id: worker\ntitle: A\nanswers: [a]\nneeds: [core]\n", "needs core, which has no profile hex"},
		"two owners":          {"worker/files/docker/raw", "x\n", "docker/raw belongs to image"},
		"templated":           {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\ntemplated: [nope]\n", "no file nope"},
		"mode":                {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nmodes: {bitactor_otp/mix.exs: \"4755\"}\n", "permission bits"},
		"check":               {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nchecks: [nope]\n", `"nope" is not known`},
		"profile":             {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nprofiles: [nope]\n", `"nope" is not known`},
		"CRLF":                {"app/files/bitactor_otp/mix.exs", "a\r\n", "line feed"},
		"no last line feed":   {"app/files/bitactor_otp/mix.exs", "a", "line feed"},
		"call":                {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nhealth_checks: [{name: a, call: System.halt}]\n", "Module.function/arity"},
		"default is no port":  {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nvariables: {p: {type: port, default: x, help: p}}\n", `"x" is no port`},
		"two meanings":        {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nvariables: {port: {type: port, default: 81, help: p}}\n", "declares the variable port otherwise"},
		"variable's type":     {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nvariables: {p: {type: path, default: x, help: p}}\n", `unknown type "path"`},
		"child without order": {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nchildren: [{spec: X}]\n", "order and spec"},
		"module":              {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nmetric_sources: [x]\n", "no name of a module"},
		"route":               {"app/block.yaml", "id: app\ntitle: A\nanswers: [a]\nroutes: [{method: get, path: /, call: A.b/1}]\n", "METHOD /path"},
	} {
		fsys := small()
		fsys[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
		if _, err := Load(fsys); fault.CodeOf(err) != CodeBadBlock && err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}

func TestClosure(t *testing.T) {
	c := load(t, small())
	got, err := c.Closure("worker", "health")
	if want := []string{"app", "health", "worker"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if all := c.All(ProfileHex); slices.Contains(all, "core") || len(all) != 4 {
		t.Errorf("the blocks of hex: %q", all)
	}
	if _, err := c.Closure("healt"); fault.CodeOf(err) != CodeNoBlock {
		t.Error(err)
	}
}

func TestSearch(t *testing.T) {
	c := load(t, small())
	for request, want := range map[string][]string{
		"create an actor process with replay of its state": {"worker 4"},
		"a container image of the OTP application":         {"app 2", "image 2"},
		"Health-Checks, please":                            {"health 2"},
		"worker":                                           {"worker 1"},
		"state":                                            {},
		"":                                                 {},
	} {
		got := []string{}
		for _, h := range c.Search(request) {
			got = append(got, h.ID+" "+string(rune('0'+h.Score)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", request, got, want)
		}
	}
	request := "an actor process with quantum replay of state"
	if got := Beyond(request, c.Asked(request)); !slices.Equal(got, []string{"quantum"}) {
		t.Errorf("beyond the blocks: %q", got)
	}
	if hits := c.Asked("worker"); len(hits) > 0 {
		t.Errorf("one word is enough: %v", hits)
	}
}

// TestAmalgamation: the block's C core is byte for byte what core/amalgamate.sh
// makes, for those who build it without Go.
func TestAmalgamation(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("../core/amalgamate.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := texts(t, load(t, small()), nil, ProfileOTP, "core")
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"src/cns/bitactor.c", "src/cns/bitactor.h"}) {
		t.Fatalf("files %q", names)
	}
	for path, text := range got {
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), text); diff != "" {
			t.Errorf("%s (-script +scaffold):\n%s", path, diff)
		}
	}
}

// TestOwn: the blocks that cf is built with fit together.
func TestOwn(t *testing.T) {
	if _, err := Own(); err != nil {
		t.Fatal(err)
	}
}
