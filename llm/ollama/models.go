package ollama

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/wire"
)

// nameBytes is the longest model name that is taken from a server or sent to one.
const nameBytes = 256

// versionBytes is the longest answer of a server that greets.
const versionBytes = 64 << 10

// served is what a Client knows of one model. Everything but prior is fixed
// once it stands.
type served struct {
	model  llm.Model
	show   *api.ShowResponse
	format shape // layers and heads, for the window

	windowOnce  sync.Once
	window      llm.Window
	counterLock sync.Mutex
	counter     *counter

	mu     sync.Mutex
	called bool    // a call of this Client has finished on it
	prior  []int32 // tokens of the last conversation, reply included
}

// exchange returns the exchange of a call that runs no model.
func (c *Client) exchange() *wire.Exchange {
	l := c.options.Limits
	return &wire.Exchange{URL: c.URL(), First: l.Answer, Idle: l.Answer, Total: l.Answer, Line: l.LineBytes, Bytes: l.BodyBytes}
}

// do runs one call of the api package under x and returns its fault.
func (c *Client) do(ctx context.Context, op string, x *wire.Exchange, call func(context.Context) error) error {
	err := call(x.Begin(ctx))
	f, _ := x.Seen()
	if f == nil && err == nil {
		return nil
	}
	if f == nil && !errors.As(err, &f) {
		if f = wire.Interruption(ctx, protocol.Name, c.URL()); f == nil {
			f = fault.New(fault.Unusable, llm.CodeBadStream, "the answer is not what Ollama sends: %w", clipped(err))
		}
	}
	f.Op, f.Who = op, cmp.Or(f.Who, c.URL())
	return f
}

// clipped shortens an error that may quote the server.
func clipped(err error) error { return errors.New(wire.Clip(err.Error(), 200)) }

// hello finds out once, and quickly, whether anything answers at all. Later
// calls may take long for good reasons; this one may not.
func (c *Client) hello(ctx context.Context) error {
	c.greet.Lock()
	defer c.greet.Unlock()
	c.mu.Lock()
	greeted := c.greeted
	c.mu.Unlock()
	if greeted {
		if c.remote {
			c.warnRemote(c.URL())
		}
		return nil
	}
	version, err := c.Version(ctx)
	switch fault.CodeOf(err) {
	case llm.CodeRefused, llm.CodeNoHost, llm.CodeConnect, llm.CodeFirstToken, llm.CodeCanceled, llm.CodeRemoteHost:
		return err
	case llm.CodeBadStream:
		if fault.KindOf(err) == fault.Unreachable {
			return err
		}
	}
	if c.remote {
		c.warnRemote(c.URL())
	}
	c.mu.Lock()
	c.greeted, c.version = true, version
	c.mu.Unlock()
	return nil
}

// Version returns the server's version. It is answered within Limits.Greet or
// is an error of Kind Unreachable.
func (c *Client) Version(ctx context.Context) (string, error) {
	x := c.exchange()
	x.First, x.Idle, x.Total, x.Bytes = c.options.Limits.Greet, c.options.Limits.Greet, c.options.Limits.Greet*2, versionBytes
	var version string
	err := c.do(ctx, "version", x, func(ctx context.Context) (err error) {
		version, err = c.api.Version(ctx)
		return err
	})
	return wire.Clip(version, 80), err
}

// List returns the models on the server, sorted by name. ContextMax, Thinking
// and Completion need Show.
func (c *Client) List(ctx context.Context) ([]llm.Model, error) {
	if err := c.hello(ctx); err != nil {
		return nil, err
	}
	var list *api.ListResponse
	err := c.do(ctx, "list models", c.exchange(), func(ctx context.Context) (err error) {
		list, err = c.api.List(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var models []llm.Model
	for _, m := range list.Models {
		name := cmp.Or(m.Name, m.Model)
		if !named(name) {
			continue
		}
		models = append(models, llm.Model{
			Name: name, Digest: wire.Clip(m.Digest, 100), Family: wire.Clip(m.Details.Family, 80), Parameters: parameters(m.Details.ParameterSize),
			Quantization: wire.Clip(m.Details.QuantizationLevel, 40), Bytes: max(m.Size, 0), Modified: m.ModifiedAt, Remote: wire.Clip(m.RemoteHost, nameBytes),
		})
	}
	slices.SortFunc(models, func(a, b llm.Model) int { return strings.Compare(a.Name, b.Name) })
	c.mu.Lock()
	c.list, c.listed = slices.Clone(models), time.Now()
	c.mu.Unlock()
	return models, nil
}

// listFresh is how long a list counts as what the server holds: who lists the
// models and then describes the one that was chosen asks once.
const listFresh = 2 * time.Second

// find returns the entry of a model in the server's list, the only call that
// tells the digest. found is false for a model that is not in it.
func (c *Client) find(ctx context.Context, model string) (entry llm.Model, found bool, err error) {
	c.mu.Lock()
	list, fresh := c.list, time.Since(c.listed) < listFresh
	c.mu.Unlock()
	if !fresh {
		if list, err = c.List(ctx); err != nil {
			return llm.Model{}, false, err
		}
	}
	for _, m := range list {
		if m.Name == model || m.Name == model+":latest" {
			m.Name = model
			return m, true, nil
		}
	}
	return llm.Model{Name: model}, false, nil
}

// named tells whether name is one that cf shows and sends: printable and short.
func named(name string) bool {
	return name != "" && len(name) <= nameBytes && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' })
}

// parameters reads "134.52M" or "7B"; 0 if it is neither.
func parameters(s string) int64 {
	if s == "" {
		return 0
	}
	scale := map[byte]float64{'K': 1e3, 'M': 1e6, 'B': 1e9, 'T': 1e12}[s[len(s)-1]]
	var n float64
	if scale == 0 || json.Unmarshal([]byte(s[:len(s)-1]), &n) != nil || n < 0 || n*scale > 1e18 {
		return 0
	}
	return int64(n * scale)
}

// Show describes one model. Kind ModelMissing if the server lacks it.
func (c *Client) Show(ctx context.Context, model string) (llm.Model, error) {
	s, err := c.served(ctx, model)
	if err != nil {
		return llm.Model{}, err
	}
	return s.model, nil
}

// served returns what is known of a model, asking the server the first time.
func (c *Client) served(ctx context.Context, model string) (*served, error) {
	if !named(model) {
		return nil, fault.New(fault.Usage, "", "not a model name").On("show", wire.Clip(model, nameBytes))
	}
	c.mu.Lock()
	s := c.models[model]
	c.mu.Unlock()
	if s == nil {
		var err error
		if s, err = c.describe(ctx, model); err != nil {
			return nil, err
		}
		c.mu.Lock()
		if first := c.models[model]; first != nil {
			s = first
		} else {
			c.models[model] = s
		}
		c.mu.Unlock()
	}
	if s.model.Remote != "" && !c.options.AllowRemote {
		return nil, fault.New(fault.Usage, llm.CodeRemoteHost, "the model runs on %s, not on this machine", s.model.Remote).On("show", model).
			Hint("source code would leave this machine; choose another model, or run: cf config set allow_remote_hosts true")
	}
	if s.model.Remote != "" {
		c.warnRemote(s.model.Remote)
	}
	return s, nil
}

// forget drops what is known of a model that the server no longer has.
func (c *Client) forget(model string) {
	c.mu.Lock()
	delete(c.models, model)
	c.listed = time.Time{}
	c.mu.Unlock()
}

func (c *Client) describe(ctx context.Context, model string) (*served, error) {
	entry, found, err := c.find(ctx, model)
	if err != nil {
		return nil, err
	}
	var show *api.ShowResponse
	if found {
		show = c.keptDescription(entry.Digest)
	}
	if show == nil {
		err = c.do(ctx, "show", c.exchange(), func(ctx context.Context) (err error) {
			show, err = c.api.Show(ctx, &api.ShowRequest{Model: model})
			return err
		})
		if err != nil {
			return nil, missing(err, model)
		}
		if found {
			c.keepDescription(entry.Digest, show)
		}
	}
	s := &served{model: entry, show: show, format: shapeOf(show.ModelInfo)}
	s.model.Family = wire.Clip(cmp.Or(show.Details.Family, s.model.Family), 80)
	s.model.Parameters = cmp.Or(s.format.parameters, s.model.Parameters)
	s.model.ContextMax = s.format.context
	s.model.Modified = show.ModifiedAt
	s.model.Remote = wire.Clip(cmp.Or(show.RemoteHost, s.model.Remote), nameBytes)
	for _, capability := range show.Capabilities[:min(len(show.Capabilities), 32)] {
		s.model.Capabilities = append(s.model.Capabilities, wire.Clip(string(capability), 40))
	}
	s.model.Thinking = slices.Contains(s.model.Capabilities, "thinking")
	// Servers before 0.6.4 name no capabilities: then every model may chat.
	s.model.Completion = len(s.model.Capabilities) == 0 || slices.Contains(s.model.Capabilities, "completion")
	return s, nil
}

// missing names the model and the way to it where err says that it is absent.
func missing(err error, model string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.ModelMissing {
		f.Who = model
		f.Hints = []string{"cf setup --model " + model}
	}
	return err
}

// Running returns the models in the server's memory.
func (c *Client) Running(ctx context.Context) ([]llm.Running, error) {
	if err := c.hello(ctx); err != nil {
		return nil, err
	}
	var list *api.ProcessResponse
	err := c.do(ctx, "list running models", c.exchange(), func(ctx context.Context) (err error) {
		list, err = c.api.ListRunning(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var running []llm.Running
	for _, m := range list.Models {
		if name := cmp.Or(m.Name, m.Model); named(name) {
			running = append(running, llm.Running{
				Name: name, Digest: wire.Clip(m.Digest, 100), Bytes: max(m.Size, 0), GPUBytes: max(m.SizeVRAM, 0),
				Context: max(m.ContextLength, 0), ExpiresAt: m.ExpiresAt,
			})
		}
	}
	return running, nil
}

// Render returns the prompt as the server would give it to the model. The
// server loads the model for that, with the options that Chat sends.
func (c *Client) Render(ctx context.Context, r llm.Request) (string, error) {
	if err := valid(r); err != nil {
		return "", err
	}
	s, err := c.served(ctx, r.Model)
	if err != nil {
		return "", err
	}
	w, err := c.Window(ctx, r.Model)
	if err != nil {
		return "", err
	}
	return c.render(ctx, c.chatRequest(s, w, r, nil))
}

func (c *Client) render(ctx context.Context, request *api.ChatRequest) (string, error) {
	off := false
	request.Stream, request.DebugRenderOnly = &off, true
	x := c.exchange()
	x.First, x.Total = c.options.Limits.Load, c.options.Limits.Load
	var prompt *string
	err := c.do(ctx, "render", x, func(ctx context.Context) error {
		return c.api.Chat(ctx, request, func(r api.ChatResponse) error {
			if r.DebugInfo != nil && prompt == nil {
				prompt = &r.DebugInfo.RenderedTemplate
			}
			return nil
		})
	})
	if err != nil {
		return "", missing(err, request.Model)
	}
	if prompt == nil {
		return "", fault.New(fault.Failed, llm.CodeNoRender, "the server did not render the prompt").On("render", request.Model).
			Hint("Ollama renders prompts from version 0.11.5 on")
	}
	return *prompt, nil
}

// Pull fetches a model into the server. Errors: CodeCut where the stream ends
// before the server said success.
func (c *Client) Pull(ctx context.Context, model string, each func(llm.PullProgress)) error {
	if !named(model) {
		return fault.New(fault.Usage, "", "not a model name").On("pull", wire.Clip(model, nameBytes))
	}
	if err := c.hello(ctx); err != nil {
		return err
	}
	x := c.exchange()
	// A registry may verify or resolve for minutes without a word; a pull of
	// 40 GB may take a day on a slow line.
	x.Streams, x.First, x.Idle, x.Total = true, c.options.Limits.Load, c.options.Limits.Load, 48*time.Hour
	err := c.do(ctx, "pull", x, func(ctx context.Context) error {
		return c.api.Pull(ctx, &api.PullRequest{Model: model}, func(p api.ProgressResponse) error {
			if each != nil {
				each(llm.PullProgress{Status: wire.Clip(p.Status, 200), Digest: wire.Clip(p.Digest, 100), Done: max(p.Completed, 0), Total: max(p.Total, 0)})
			}
			return nil
		})
	})
	c.forget(model)
	if err == nil {
		if _, ended := x.Seen(); !ended {
			return fault.New(fault.Unusable, llm.CodeCut, "the pull ended before the server said success").On("pull", model)
		}
	}
	return err
}

// verbose streams the show reply of a model, vocabulary included, to read. The
// api package would build hundreds of megabytes of interface values from it.
func (c *Client) verbose(ctx context.Context, model string, read func(io.Reader) error) error {
	body, err := json.Marshal(api.ShowRequest{Model: model, Verbose: true})
	if err != nil {
		return err
	}
	x := c.exchange()
	return c.do(ctx, "show", x, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("/api/show").String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := c.http.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return read(response.Body)
	})
}
