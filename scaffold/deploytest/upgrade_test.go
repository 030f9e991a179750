package deploytest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Versions of the release: the one that runs and the one that takes its place.
const (
	oldVersion = "0.1.0"
	newVersion = "0.2.0"
)

const (
	requestsPerSecond = 50
	requestDeadline   = 10 * time.Second
	steadyFor         = 3 * time.Second // of load before, between and after the steps
	preStop           = 5 * time.Second // the hook of the gateways in k8s/bitactor-deployment.yaml
	frozenFor         = 2 * time.Second
	heldRequests      = 30 // sent to a gateway just before its SIGTERM
)

// TestUpgrade replaces every node of a real system of three voters and two gateways
// by one of another version, as the manifests and ci/deploy.sh do, while a client
// sends requests at a fixed rate: voters one at a time behind the guard of their
// preStop hook, then gateways of the other colour beside the old ones, the switch,
// and the drain of the old ones. No request fails, no signal is lost and none is
// applied twice. tools/figures reads the line that it prints.
func TestUpgrade(t *testing.T) {
	if !long(t) {
		return
	}
	s := newSystem(t)
	before, after := s.release(oldVersion), s.release(newVersion)
	var voters [3]*node
	for i := range voters {
		voters[i] = s.start(before, "voter", i+1)
	}
	blue := []*node{s.start(before, "gateway", 4), s.start(before, "gateway", 5)}
	s.ready(append(voters[:], blue...)...)

	load := s.load(urls(blue))
	s.pass(steadyFor)
	for i := len(voters) - 1; i >= 0; i-- {
		voters[i] = s.replace(voters[i], after)
		s.pass(steadyFor)
	}
	green := []*node{s.start(after, "gateway", 6), s.start(after, "gateway", 7)}
	s.ready(green...)
	load.upstream(urls(green))
	s.pass(preStop)
	held := s.drain(blue, voters[0])
	s.pass(steadyFor)
	answers := load.end()

	for _, n := range append(voters[:], green...) {
		if got := n.rpc("IO.puts(BitActor.version())"); got != newVersion {
			t.Errorf("%s runs %q, want %s", n.name, got, newVersion)
		}
	}
	everyOnce(t, load, answers)
	failures := failed(answers)
	for _, f := range failures {
		t.Errorf("request %d to %s after %v: %v", f.i, f.to, f.took.Round(time.Millisecond), f.err)
	}
	if n := len(failed(held)); n > 0 {
		t.Errorf("%d of %d requests that a draining gateway had taken failed: %v", n, len(held), failed(held)[0].err)
	}
	took := durations(answers)
	fmt.Printf("upgrade: [requests: %d, failed: %d, held: %d, held failed: %d], p50 %d ms, p99 %d ms, largest %d ms\n",
		len(answers), len(failures), len(held), len(failed(held)),
		quantile(took, 0.5).Milliseconds(), quantile(took, 0.99).Milliseconds(), took[len(took)-1].Milliseconds())
}

// replace stops a voter as an orchestrator does and starts the other version on the
// same data: the guard of the preStop hook, SIGTERM, the new process, its readiness.
func (s *system) replace(old *node, release string) *node {
	s.t.Helper()
	old.rpc("BitActor.Consensus.await_safe_to_stop(60_000)")
	old.terminate()
	n := s.start(release, old.role, old.place)
	s.ready(n)
	return n
}

// drain ends gateways that nobody is sent to any more. The first of them has
// requests in flight, for a voter is frozen: they are answered before it ends.
func (s *system) drain(gateways []*node, voter *node) []answer {
	s.t.Helper()
	voter.signal(syscall.SIGSTOP)
	held := make(chan answer, heldRequests)
	client := newClient()
	defer client.CloseIdleConnections()
	for i := range heldRequests {
		go func() { held <- post(s.t.Context(), client, gateways[0].url, -i-1, fmt.Sprintf("held-%d", i)) }()
	}
	s.pass(frozenFor / 2) // the requests have arrived
	for _, g := range gateways {
		g.signal(syscall.SIGTERM)
	}
	s.pass(frozenFor / 2)
	voter.signal(syscall.SIGCONT)
	answers := make([]answer, 0, heldRequests)
	for range heldRequests {
		answers = append(answers, <-held)
	}
	for _, g := range gateways {
		g.ended()
	}
	return answers
}

// everyOnce holds the replies against the actors: each counts its signals, so that
// its answers are the numbers from one on, each once, and its next answer says how
// many signals it has.
func everyOnce(t *testing.T, l *load, answers []answer) {
	t.Helper()
	counted := map[string][]int{}
	lost := map[string]int{}
	for _, a := range answers {
		if a.err != nil {
			lost[a.key]++
			continue
		}
		counted[a.key] = append(counted[a.key], a.reply)
	}
	client := newClient()
	defer client.CloseIdleConnections()
	for key, replies := range counted {
		slices.Sort(replies)
		if len(slices.Compact(slices.Clone(replies))) < len(replies) {
			t.Errorf("%s gave the same answer twice: %v", key, replies)
		}
		last := post(t.Context(), client, l.next(), len(answers)+1, key)
		if last.err != nil {
			t.Fatalf("%s: %v", key, last.err)
		}
		// A request that failed may have been applied.
		if has := last.reply - 1; has < len(replies) || has > len(replies)+lost[key] {
			t.Errorf("%s has %d signals, %d were acknowledged", key, has, len(replies))
		}
	}
}

func urls(nodes []*node) []string {
	list := make([]string, len(nodes))
	for i, n := range nodes {
		list[i] = n.url
	}
	return list
}

// release builds the project as a version of its own and returns its program.
func (s *system) release(version string) string {
	s.t.Helper()
	build := filepath.Join(s.dir, "build-"+version)
	environ := []string{
		"MIX_ENV=prod", "HOME=" + s.dir, "ERL_LIBS=" + s.ra,
		"MIX_BUILD_PATH=" + build, "BITACTOR_VERSION=" + version,
	}
	if out, err := run(s.t, filepath.Join(s.project, "bitactor_otp"), environ, "mix", "release", "--quiet", "--overwrite"); err != nil {
		s.t.Fatalf("mix release: %v\n%s", err, out)
	}
	program := filepath.Join(build, "rel", "bitactor", "bin", "bitactor")
	if out, err := run(s.t, s.dir, nil, program, "version"); err != nil || !strings.Contains(out, version) {
		s.t.Fatalf("%s version: %v\n%s", program, err, out)
	}
	return program
}
