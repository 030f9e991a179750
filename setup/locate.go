package setup

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/embedded"
	"github.com/bitactor/cf/llm/wire"
)

// Where a server comes from.
const (
	Configured = "configured" // named by flag, config or OLLAMA_HOST
	Running    = "running"    // found on the default address
	Private    = "private"    // cf's own
)

// Server is a model server that answers.
type Server struct {
	URL      string   `json:"url"`
	Source   string   `json:"source"`
	Version  string   `json:"version,omitempty"` // "" where the server does not tell
	Warnings []string `json:"warnings,omitempty"`
	CPUOnly  bool     `json:"cpu_only,omitempty"` // a private server built without GPU support
}

// LocateOptions says where to look.
type LocateOptions struct {
	Paths       Paths
	Environ     []string      // what a private server is started with
	Host        string        // URL of the only server to use; "" = look for one
	PrivateOnly bool          // with no Host: only the private server is looked for
	AllowRemote bool          // a host on another machine may be asked
	Provider    string        // "openai" = the host is not asked for Ollama's version
	Serve       []string      // argv of `cf serve-model`; nil = take a private server only if it runs
	DefaultURL  string        // "" = Ollama's default address
	Wait        time.Duration // longest wait for a private server that is starting; 0 = embedded.DefaultStartWait
	Events      event.Sink    // told when a server is being started
}

// probeTimeout bounds the search on one address.
const probeTimeout = 1500 * time.Millisecond

// Locate finds the model server: the named one if there is a name, else the
// default address, else the private server, which is started if set-up has made
// one. It installs nothing. A dead address costs at most probeTimeout. Kind
// Unreachable, with hints, when none answers.
func Locate(ctx context.Context, o LocateOptions) (Server, error) {
	if o.Host != "" {
		return named(ctx, o)
	}
	if o.DefaultURL == "" {
		o.DefaultURL = DefaultSources(Sources{}).DefaultURL
	}
	var err error
	if !o.PrivateOnly {
		var version string
		if version, err = probe(ctx, o.DefaultURL); err == nil {
			return finish(Server{URL: o.DefaultURL, Source: Running, Version: version}), nil
		}
	}
	if ctx.Err() != nil {
		return Server{}, interrupted(ctx, "find model server")
	}
	in, made := embedded.ReadInstall(o.Paths.Server())
	if made && len(o.Serve) == 0 {
		if s, ok := embedded.Read(o.Paths.Server()); ok && s.Status == embedded.Ready {
			return finish(Server{URL: s.URL, Source: Private, Version: s.Version, CPUOnly: in.CPUOnly}), nil
		}
	}
	if !made || len(o.Serve) == 0 {
		return Server{}, o.nothing(err, made)
	}
	s, err := embedded.Ensure(ctx, embedded.StartOptions{Dir: o.Paths.Server(), Command: o.Serve, Environ: o.Environ, Wait: o.Wait, Events: o.Events})
	if err != nil {
		return Server{}, err
	}
	return finish(Server{URL: s.URL, Source: Private, Version: s.Version, CPUOnly: in.CPUOnly}), nil
}

// nothing says why there is no server; err is the default address's.
func (o LocateOptions) nothing(err error, made bool) error {
	var f *fault.Error
	switch {
	case !o.PrivateOnly:
		f = fault.New(fault.Unreachable, CodeNoServer, "no model server answers: %w", short(err)).On("find model server", o.DefaultURL)
	case made:
		f = fault.New(fault.Unreachable, CodeNoServer, "the private server does not run").On("find model server", "")
	default:
		f = fault.New(fault.Unreachable, CodeNoServer, "no private server has been set up").On("find model server", "")
	}
	if o.Paths.State == "" {
		return f.Hint(hintFolders)
	}
	return f.Hint("run: cf setup")
}

func named(ctx context.Context, o LocateOptions) (Server, error) {
	if u, err := url.Parse(o.Host); err == nil && !wire.Loopback(u.Hostname()) && !o.AllowRemote {
		return Server{}, fault.New(fault.Usage, llm.CodeRemoteHost, "the model server is not on this machine").On("find model server", o.Host).
			Hint("source code would leave this machine; if that is meant, run: cf config set allow_remote_hosts true")
	}
	s := Server{URL: o.Host, Source: Configured}
	if o.Provider == "openai" {
		return s, nil // it has no address that tells of it; the first request will
	}
	version, err := probe(ctx, o.Host)
	switch {
	case ctx.Err() != nil:
		return Server{}, interrupted(ctx, "find model server")
	case err != nil:
		return Server{}, fault.New(fault.Unreachable, codeOf(err), "no model server answers: %w", short(err)).On("find model server", o.Host).
			Hint("start it, or correct the host (flag, config or OLLAMA_HOST)", "without a host cf looks for one itself: see cf status")
	}
	s.Version = version
	return finish(s), nil
}

// probe asks for the version. Loopback is asked directly, other hosts through
// the user's proxy.
func probe(ctx context.Context, base string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	if u, err := url.Parse(base); err == nil && !wire.Loopback(u.Hostname()) {
		transport.Proxy = http.ProxyFromEnvironment
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a server must not send cf to a host that nobody named
	}}
	return embedded.Version(ctx, client, base)
}

// short leaves out what url.Error repeats: the method and the URL.
func short(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errors.New("no answer within " + probeTimeout.String())
		}
		return u.Err
	}
	return err
}

func codeOf(err error) string {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		return llm.CodeNoHost
	case errors.As(err, &timeout) && timeout.Timeout():
		return llm.CodeConnect
	}
	return llm.CodeRefused
}

// finish adds what a user should know of a server.
func finish(s Server) Server {
	if olderThan(s.Version, safeVersion) {
		s.Warnings = append(s.Warnings, "Ollama "+s.Version+" has known security faults; update it to "+safeVersion+" or later")
	}
	return s
}

// Exposure returns a warning if the server, reached over loopback, listens to
// other machines too; else "". It reads the system's table of sockets, which
// takes milliseconds: for those who report on the machine.
func (s Server) Exposure() string {
	if u, err := url.Parse(s.URL); err == nil && wire.Loopback(u.Hostname()) && listensBeyondLoopback(u.Port()) {
		return "the server at " + s.URL + " accepts connections from other machines, without a password; start it with OLLAMA_HOST=127.0.0.1"
	}
	return ""
}

// safeVersion is the first without the faults of CVE-2026-7482.
const safeVersion = "0.17.1"

// olderThan compares dotted versions. A build from source reports 0.0.0, of
// which nothing is known; so does "" or any other text.
func olderThan(version, than string) bool {
	a, ok := numbers(version)
	b, _ := numbers(than)
	if !ok || a == [3]int{} {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func numbers(version string) (n [3]int, ok bool) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.Split(version, ".")
	if len(parts) != len(n) {
		return n, false
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return n, false
		}
		n[i] = int(v)
	}
	return n, true
}

// listensBeyondLoopback reads from the kernel's tables (proc_net_tcp) whether a
// socket listens on the port with an address other than loopback. Without such
// tables the answer is false.
func listensBeyondLoopback(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return false
	}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(path)
		if err == nil && openListener(string(b), uint16(n)) {
			return true
		}
	}
	return false
}

// openListener looks for a row in state 0A (listen) with the port and an
// address that is not loopback. Addresses are words of 4 bytes, each in host
// order, which on every supported machine is little-endian.
func openListener(table string, port uint16) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		addr, p, _ := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(p, 16, 16); err != nil || uint16(n) != port {
			continue
		}
		raw, err := hex.DecodeString(addr)
		if err != nil || len(raw)%4 != 0 {
			continue
		}
		for i := 0; i < len(raw); i += 4 {
			raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
		}
		if ip := net.IP(raw); len(raw) == net.IPv4len || len(raw) == net.IPv6len {
			if !ip.IsLoopback() {
				return true
			}
		}
	}
	return false
}
