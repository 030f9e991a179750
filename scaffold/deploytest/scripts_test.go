package deploytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/scaffold"
)

// fakeTool stands in for a program: it writes down how it was called, fails where it
// is told to, and else answers as the script needs.
const fakeTool = `#!/usr/bin/env bash
call="${0##*/} $*"
for name in BITACTOR_NIF MIX_ENV LD_PRELOAD; do
  [ -z "${!name:-}" ] || call="$name=${!name} $call"
done
unset LD_PRELOAD
printf '%s\n' "$call" >>"$FAKE_TOOLS/calls"
[ "$(wc -l <"$FAKE_TOOLS/calls")" != "${FAKE_FAIL:-}" ] || exit 1
case $call in
  'docker run '*) echo container ;;
  'docker port '*) echo 127.0.0.1:1 ;;
  'docker exec '*) exit "${FAKE_READ_ONLY:-1}" ;;
  'docker inspect '*) echo "${FAKE_STATUS:-0}" ;;
  'curl '*/metrics) echo "${FAKE_METRICS:-bitactor_ready 1}" ;;
  'jq '*) echo sha256:12 ;;
  'python3 -m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/pip" && cp "$0" "$3/bin/hadolint" ;;
  'apt-get download '*) : >rabbitmq-server_1.deb ;;
  'dpkg-deb --extract '*)
    cd "$3" && mkdir -p usr/lib/rabbitmq/lib/rabbitmq_server-3/plugins && cd usr/lib/rabbitmq/lib/rabbitmq_server-3/plugins
    mkdir ra-1 aten-1 gen_batch_server-1
    : >seshat-1.ez
    ;;
  'elixir -e '*lib_dir*) echo /erlang/elixir ;;
  'elixir -e '*) printf 25-1.14 ;;
  'MIX_ENV=prod dialyzer --build_plt '*) echo plt >"$3" ;;
  'MIX_ENV=prod elixir -e '*) printf 25-1.14 ;;
  *'gcc -print-file-name='*) echo "/gcc/${1##*=}" ;;
esac
`

// faked are the programs that it stands in for.
var faked = []string{"apt-get", "curl", "dialyzer", "docker", "dpkg-deb", "elixir", "elixirc", "gcc", "go", "jq", "mix", "promtool", "python3", "shellcheck"}

// script is a script of the project, how it is called, and what it must call.
type script struct {
	args    []string
	environ []string
	calls   []string
	says    string   // the end of its standard output and errors, where that matters
	spared  []string // beginnings of calls that may fail: it ends well all the same
}

// scripts are by their paths; what follows a blank tells several calls apart.
func projectScripts(p project) map[string]script {
	smoke := []string{
		"curl --silent --show-error --fail --max-time 5 http://127.0.0.1:1/readyz", "curl --silent --show-error --fail --max-time 5 http://127.0.0.1:1/startupz",
		"curl --silent --show-error --fail --max-time 5 http://127.0.0.1:1/livez", "curl --silent --show-error --fail --max-time 5 http://127.0.0.1:1/metrics",
	}
	imageTest := append(append([]string{
		"docker run --detach --user 10001:10001 --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp:mode=1777" +
			" --tmpfs /var/lib/bitactor:uid=10001,gid=10001,mode=0750 --volume SCRATCH:/etc/bitactor/cookie:ro" +
			" --env BITACTOR_COOKIE_FILE=/etc/bitactor/cookie/cookie --publish 127.0.0.1::9568 bitactor:test",
		"docker port container 9568/tcp",
	}, smoke...), "docker exec container /bin/sh -c echo x >/opt/bitactor/x", "docker stop --time 45 container",
		"docker inspect --format {{.State.ExitCode}} container", "docker rm --force container")
	list := func(pattern string) string { return strings.Join(p.names(pattern), " ") }
	return map[string]script{
		"ci/test.sh": {args: []string{"--include", "slow"}, calls: []string{"MIX_ENV=test mix compile --warnings-as-errors", "MIX_ENV=test mix test --include slow"}},
		"ci/test.sh hex": {environ: []string{"BITACTOR_PROFILE=hex"}, calls: []string{
			"MIX_ENV=test mix local.hex --force", "MIX_ENV=test mix local.rebar --force", "MIX_ENV=test mix deps.get",
			"MIX_ENV=test mix compile --warnings-as-errors", "MIX_ENV=test mix test",
		}},
		"ci/lint.sh": {calls: []string{
			"mix format --check-formatted", "mix compile --warnings-as-errors --force", "mix xref graph --format cycles --fail-above 0",
			"shellcheck " + list("ci/*.sh"), "promtool check rules " + list(rulesPattern), "promtool test rules " + list(testsPattern),
		}},
		"ci/image.sh": {args: []string{"bitactor:test"}, calls: []string{"docker buildx build --file docker/Dockerfile.bitactor --load --tag bitactor:test ."}},
		"ci/image.sh push": {
			args: []string{"--push", "example.com/bitactor:1", "image.txt"}, environ: []string{"REVISION=abc", "BASE_IMAGE=debian:12"},
			calls: []string{
				"docker buildx build --file docker/Dockerfile.bitactor --build-arg BASE_IMAGE=debian:12 --build-arg REVISION=abc" +
					" --sbom=true --provenance=mode=max --push --tag example.com/bitactor:1 --metadata-file SCRATCH .",
				`jq -er ."containerimage.digest" SCRATCH`,
			},
			says: "example.com/bitactor@sha256:12\n",
		},
		"ci/image-test.sh": {args: []string{"bitactor:test"}, calls: imageTest, spared: []string{"docker exec"}},
		"ci/secrets.sh":    {calls: []string{"go run github.com/zricethezav/gitleaks/v8@v8.30.1 git --redact --verbose ."}},
		"ci/hadolint.sh": {args: []string{"docker/Dockerfile.bitactor"}, calls: []string{
			"python3 -m venv SCRATCH/venv", "pip install --quiet --require-hashes --requirement SCRATCH/requirements.txt", "hadolint docker/Dockerfile.bitactor",
		}},
		"ci/ra.sh": {args: []string{"ra"}, says: "PROJECT/ra\n", calls: []string{
			"apt-get download rabbitmq-server", "dpkg-deb --extract rabbitmq-server_1.deb .",
			"python3 -m zipfile -e usr/lib/rabbitmq/lib/rabbitmq_server-3/plugins/seshat-1.ez PROJECT/ra",
		}},
		"ci/dialyzer.sh": {calls: []string{
			"elixir -e IO.puts(:code.lib_dir(:elixir))", `MIX_ENV=prod elixir -e IO.write([System.otp_release(), ?-, System.version()])`,
			"MIX_ENV=prod dialyzer --build_plt --output_plt _plt/25-1.14.plt --apps erts kernel stdlib crypto public_key ssl inets runtime_tools tools elixir logger mix ex_unit",
			"MIX_ENV=prod mix compile --warnings-as-errors",
			"MIX_ENV=prod elixirc -pa _build/prod/lib/bitactor/ebin -o _plt/support test/support/property.exs",
			"MIX_ENV=prod elixirc -pa _build/prod/lib/bitactor/ebin -o _plt/support ../test/integration/three_nodes.exs",
			"MIX_ENV=prod elixirc -pa _build/prod/lib/bitactor/ebin -o _plt/support ../test/performance/measures.exs",
			"MIX_ENV=prod dialyzer --plt _plt/25-1.14.plt --no_check_plt -Wunmatched_returns -Wno_improper_lists _build/prod/lib/bitactor/ebin _plt/support",
		}},
		"bitactor_otp/bin/sanitize": {calls: []string{
			"MIX_ENV=test BITACTOR_NIF=required mix compile.bitactor_nif",
			"MIX_ENV=test BITACTOR_NIF=required gcc -print-file-name=libasan.so", "MIX_ENV=test BITACTOR_NIF=required gcc -print-file-name=libubsan.so",
			"LD_PRELOAD=/gcc/libasan.so /gcc/libubsan.so MIX_ENV=test BITACTOR_NIF=required" +
				" mix test --include slow test/bitactor/nif_test.exs test/bitactor/core_test.exs test/bitactor/engine_test.exs",
		}},
		"ci/smoke.sh": {args: []string{"http://127.0.0.1:1"}, calls: smoke, says: "http://127.0.0.1:1: ready\n"},
	}
}

// try runs the script in a project of its own with programs that stand in, and
// returns what it called and said, with names in place of the folders.
func (s script) try(t *testing.T, p project, name string, environ ...string) (calls []string, said string, err error) {
	t.Helper()
	dir, fake, scratch := p.write(t), t.TempDir(), t.TempDir()
	for _, program := range faked {
		must(t, os.WriteFile(filepath.Join(fake, program), []byte(fakeTool), 0o755))
	}
	fixed := []string{
		"PATH=" + fake + ":" + os.Getenv("PATH"), "FAKE_TOOLS=" + fake, "TMPDIR=" + scratch, "SMOKE_SECONDS=0",
		"BITACTOR_PROFILE=otp", "BITACTOR_NIF=", "MIX_ENV=", "LD_PRELOAD=", "ERL_LIBS=", "CFLAGS=",
	}
	path, _, _ := strings.Cut(name, " ")
	said, err = run(t, dir, append(append(fixed, s.environ...), environ...), filepath.Join(dir, path), s.args...)
	names := strings.NewReplacer(dir, "PROJECT")
	temporary := regexp.MustCompile(regexp.QuoteMeta(scratch) + `/tmp\.\w+`)
	plain := func(text string) string { return temporary.ReplaceAllString(names.Replace(text), "SCRATCH") }
	log, _ := os.ReadFile(filepath.Join(fake, "calls"))
	for line := range strings.Lines(string(log)) {
		calls = append(calls, strings.TrimSuffix(plain(line), "\n"))
	}
	left, readErr := os.ReadDir(scratch)
	must(t, readErr)
	if len(left) > 0 {
		t.Errorf("%s leaves %s behind", name, left[0].Name())
	}
	return calls, plain(said), err
}

// TestScriptsCallWhatTheyMust runs each script of the pipeline with programs that
// stand in: it makes the calls that it is there for, and where one of them fails, so
// does the script.
func TestScriptsCallWhatTheyMust(t *testing.T) {
	p := render(t, scaffold.ProfileOTP, catalogue(t).All(scaffold.ProfileOTP)...)
	for name, s := range projectScripts(p) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls, said, err := s.try(t, p, name)
			if d := cmp.Diff(s.calls, calls); d != "" || err != nil || !strings.HasSuffix(said, s.says) {
				t.Fatalf("%v\n%s\n%s", err, d, said)
			}
			for i, call := range s.calls {
				spared := false
				for _, beginning := range s.spared {
					spared = spared || strings.HasPrefix(call, beginning)
				}
				if _, said, err := s.try(t, p, name, "FAKE_FAIL="+strconv.Itoa(i+1)); (err == nil) != spared {
					t.Errorf("%q fails, and the script ends with %v\n%s", call, err, said)
				}
			}
		})
	}
}

// TestScriptsRefuse: what a program answers, without failing, can be a failure too.
func TestScriptsRefuse(t *testing.T) {
	p := render(t, scaffold.ProfileOTP, catalogue(t).All(scaffold.ProfileOTP)...)
	scripts := projectScripts(p)
	for _, c := range []struct{ name, environ, says string }{
		{"ci/smoke.sh", "FAKE_METRICS=up 1", "no metric of bitactor"},
		{"ci/image-test.sh", "FAKE_METRICS=up 1", "no metric of bitactor"},
		{"ci/image-test.sh", "FAKE_READ_ONLY=0", "can be written to"},
		{"ci/image-test.sh", "FAKE_STATUS=137", "ended it with status 137"},
	} {
		calls, said, err := scripts[c.name].try(t, p, c.name, c.environ)
		if err == nil || !strings.Contains(said, c.says) {
			t.Errorf("%s with %s: %v: %s", c.name, c.environ, err, said)
		}
		if last := calls[len(calls)-1]; c.name == "ci/image-test.sh" && last != "docker rm --force container" {
			t.Errorf("%s with %s leaves the container: %s", c.name, c.environ, last)
		}
	}
}
