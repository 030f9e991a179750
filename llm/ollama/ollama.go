// Package ollama is the llm.Provider for an Ollama server, on its official
// client package and over a transport of ours that sees what that client hides:
// resets, streams without an end mark, lines and bodies without bound.
//
// It must never contact any host but the configured one, never use a proxy for
// it, never follow a redirect, never pull a model unless Pull is called, and
// never start a process or print.
//
// Invariants:
//  1. Chat returns a nil error only after a line with "done":true.
//  2. Every request to a model carries num_ctx, num_predict > 0,
//     truncate:false and shift:false; a prompt that does not fit is an error.
//  3. Of the options that make the server reload a model only num_ctx is ever
//     sent, with one value per model and Client.
//  4. A server that is not on this machine, and a model that runs on another
//     host, are refused unless Options.AllowRemote.
package ollama

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/profile"
	"github.com/bitactor/cf/llm/wire"
)

// DefaultURL is where Ollama listens by default
// (https://github.com/ollama/ollama/blob/main/docs/faq.mdx).
const DefaultURL = "http://127.0.0.1:11434"

// Options configures a Client. The zero value works.
type Options struct {
	URL         string     // http or https; "" means DefaultURL; without a scheme http is meant
	Version     string     // what the server just said its version is, where the caller asked: saves a request; "" asks
	AllowRemote bool       // allow servers on other machines and models that run elsewhere
	Events      event.Sink // takes warnings; nil drops them

	ContextMax int           // upper bound of num_ctx in tokens; 0 means 16384 on a CPU, 32768 with a GPU
	KeepAlive  time.Duration // how long the server keeps the model loaded; 0 means 30 minutes
	Limits     Limits        // zero fields mean DefaultLimits

	CacheDir string                           // folder for what a digest fixes, vocabulary and description; "" keeps them in memory only
	Profiles *profile.Store                   // measured facts per digest; nil keeps them in memory only
	Memory   func(ctx context.Context) Memory // memory of the machine; nil means SystemMemory

	// Dial opens connections, for tests; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client is a Provider. Safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	remote  bool // base is not on this machine
	api     *api.Client
	http    *http.Client

	greet  sync.Mutex // one greeting at a time
	warned sync.Once

	mu      sync.Mutex
	greeted bool
	version string // of the server; "" = not known
	models  map[string]*served
	list    []llm.Model // the last list
	listed  time.Time   // when it came

	pause func(ctx context.Context, d time.Duration) error // waits between tries; tests replace it
}

var _ llm.Provider = (*Client)(nil)

// New returns a Client. It connects to nothing. Errors: Kind Usage for a URL
// that is none, and with CodeRemoteHost for one that is not on this machine
// unless o.AllowRemote.
func New(o Options) (*Client, error) {
	base, err := parseURL(cmp.Or(o.URL, DefaultURL))
	if err != nil {
		return nil, err
	}
	remote := !wire.Loopback(base.Hostname())
	if remote && !o.AllowRemote {
		return nil, fault.New(fault.Usage, llm.CodeRemoteHost, "the model server is not on this machine").
			On("ollama", base.Redacted()).
			Hint("source code would leave this machine; if that is meant, run: cf config set allow_remote_hosts true")
	}
	if o.Events == nil {
		o.Events = event.Discard
	}
	if o.Profiles == nil {
		o.Profiles = profile.Open("")
	}
	if o.Memory == nil {
		o.Memory = SystemMemory
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 30 * time.Minute
	}
	o.Limits = o.Limits.Or(DefaultLimits)
	c := &Client{
		options: o, base: base, remote: remote, models: map[string]*served{}, pause: wire.Pause, greeted: o.Version != "", version: o.Version,
		http: wire.NewClient(base, protocol, o.Limits.Connect, o.Dial),
	}
	c.api = api.NewClient(base, c.http)
	return c, nil
}

// Name returns "ollama".
func (c *Client) Name() string { return "ollama" }

// URL returns the server's address, without a password.
func (c *Client) URL() string { return c.base.Redacted() }

// Guarantees returns nothing: a native Ollama server allows all that cf promises.
func (c *Client) Guarantees() []string { return nil }

// warnRemote says once per Client that what is sent leaves this machine.
func (c *Client) warnRemote(where string) {
	c.warned.Do(func() {
		c.options.Events.Emit(event.Note{Level: "warn", Text: fmt.Sprintf("source code is sent to %s: it leaves this machine", where)})
	})
}

// parseURL accepts what OLLAMA_HOST may hold, except port-only forms.
func parseURL(s string) (*url.URL, error) {
	text := strings.TrimSpace(s)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Usage, "", "%w", err).On("ollama", fmt.Sprintf("%q", s))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, fault.New(fault.Usage, "", "not an http or https address").On("ollama", fmt.Sprintf("%q", s)).
			Hint("write it as http://127.0.0.1:11434")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		// A server told to listen everywhere is reached on the loopback address.
		host := "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
		u.Host = net.JoinHostPort(host, cmp.Or(u.Port(), "11434"))
	}
	if u.Port() == "" && u.Scheme == "http" {
		u.Host = net.JoinHostPort(u.Hostname(), "11434")
	}
	u.RawQuery, u.Fragment = "", ""
	return u, nil
}
