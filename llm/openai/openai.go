// Package openai is the llm.Provider for servers that speak OpenAI's protocol
// (llama.cpp, vLLM, LM Studio, Ollama's /v1): chats go through the client
// github.com/sashabaranov/go-openai, over a transport of ours that sees what
// that client hides.
//
// It must never contact any host but the configured one, never use a proxy for
// a server on this machine, never follow a redirect, never take an API key from
// the environment, and never start a process or print.
//
// Invariants:
//  1. Chat returns a nil error only after a finish_reason and the line
//     `data: [DONE]`.
//  2. Every chat carries temperature, top_p, seed and a max_tokens > 0, also
//     where they are 0: a server fills in what is left out with 1.0.
//  3. What the protocol can't promise stands in Guarantees; nothing here
//     pretends otherwise.
//  4. A server that is not on this machine is refused unless
//     Options.AllowRemote.
package openai

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	client "github.com/sashabaranov/go-openai"

	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/wire"
)

// DefaultContext is the window in tokens that is assumed where neither the
// server nor Options tells one.
const DefaultContext = 4096

// Options configures a Client. URL is required.
type Options struct {
	URL         string     // http or https, with the path before /chat/completions, such as http://127.0.0.1:8080/v1
	APIKey      string     // sent as a bearer token; "" sends none
	AllowRemote bool       // allow servers on other machines
	Events      event.Sink // takes warnings; nil drops them

	Context int    // the server's window in tokens, where the user knows it; 0 asks the server
	Limits  Limits // zero fields mean DefaultLimits

	// Dial opens connections, for tests; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Pause waits between tries, for tests; nil means a timer.
	Pause func(ctx context.Context, d time.Duration) error
}

// Limits bounds one exchange with the server; Greet and Load have no use here.
// Zero fields mean DefaultLimits.
type Limits = wire.Limits

// DefaultLimits are the limits of a Client: those of llm/ollama, with the longer
// first-token limit for every call, since this protocol does not tell whether a
// model is loaded. A streamed token is a line of about 250 bytes.
var DefaultLimits = Limits{
	Connect: 1500 * time.Millisecond,
	Answer:  20 * time.Second,
	First:   10 * time.Minute,
	Prefill: 40 * time.Millisecond,
	Idle:    2 * time.Minute,
	Total:   2 * time.Hour,

	LineBytes:          1 << 20,
	BodyBytes:          8 << 20,
	ReplyBytesPerToken: 2 << 10,
}

// Client is a Provider. Safe for concurrent use.
type Client struct {
	options Options
	base    *url.URL
	remote  bool
	http    *http.Client
	api     *client.Client

	warned sync.Once

	mu      sync.Mutex
	windows map[string]llm.Window // by model: fixed for the life of the Client
}

var _ llm.Provider = (*Client)(nil)

// New returns a Client. It connects to nothing. Errors: Kind Usage for a URL
// that is none, and with CodeRemoteHost for one that is not on this machine
// unless o.AllowRemote.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSpace(o.URL))
	if err != nil {
		return nil, fault.New(fault.Usage, "", "%w", err).On("openai", fmt.Sprintf("%q", o.URL))
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" {
		return nil, fault.New(fault.Usage, "", "not an http or https address").On("openai", fmt.Sprintf("%q", o.URL)).
			Hint("write it as http://127.0.0.1:8080/v1")
	}
	base.RawQuery, base.Fragment = "", ""
	base.Path = strings.TrimRight(base.Path, "/")
	remote := !wire.Loopback(base.Hostname())
	if remote && !o.AllowRemote {
		return nil, fault.New(fault.Usage, llm.CodeRemoteHost, "the model server is not on this machine").On("openai", base.Redacted()).
			Hint("source code would leave this machine; if that is meant, run: cf config set allow_remote_hosts true")
	}
	if o.Events == nil {
		o.Events = event.Discard
	}
	if o.Pause == nil {
		o.Pause = wire.Pause
	}
	o.Limits = o.Limits.Or(DefaultLimits)
	c := &Client{options: o, base: base, remote: remote, windows: map[string]llm.Window{}, http: wire.NewClient(base, protocol, o.Limits.Connect, o.Dial)}
	config := client.DefaultConfig(o.APIKey)
	config.BaseURL = base.String()
	config.HTTPClient = c.http
	config.EmptyMessagesLimit = math.MaxUint32 // the transport drops empty lines and counts their bytes
	c.api = client.NewClientWithConfig(config)
	return c, nil
}

// Name returns "openai".
func (c *Client) Name() string { return "openai" }

// URL returns the server's address, without a password.
func (c *Client) URL() string { return c.base.Redacted() }

// Guarantees lists what this protocol can't promise.
func (c *Client) Guarantees() []string {
	return []string{
		"the context size is the server's own: cf can't set it, and where the server does not tell it, " + fmt.Sprint(DefaultContext) + " tokens are assumed",
		"a prompt that is too long may be cut by the server: cf notices only where the server reports half of what cf estimates, or less",
		"token counts before sending are estimates: the protocol has no vocabulary",
		"the exact prompt can't be shown: the protocol has no way to render it",
		"whether the model thinks is the server's own: it may ignore that thinking was switched on or off",
		"how long the model stays loaded, and what is loaded now, is the server's own affair",
		"prefill and decode times are measured at the client; reused prompt tokens are known only where the server reports cached_tokens",
	}
}

// warnRemote says once per Client that what is sent leaves this machine.
func (c *Client) warnRemote() {
	if c.remote {
		c.warned.Do(func() {
			c.options.Events.Emit(event.Note{Level: "warn", Text: fmt.Sprintf("source code is sent to %s: it leaves this machine", c.base.Host)})
		})
	}
}
