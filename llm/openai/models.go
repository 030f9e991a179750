package openai

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/llm/wire"
)

// served is a model as /models lists it. The protocol knows id, created and
// owned_by; the rest are extensions of vLLM (max_model_len), LM Studio
// (max_context_length) and llama.cpp (meta, in examples of its server's README).
type served struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Window  int    `json:"max_model_len"`
	Longest int    `json:"max_context_length"`
	Meta    struct {
		Context    int   `json:"n_ctx"`
		Trained    int   `json:"n_ctx_train"`
		Parameters int64 `json:"n_params"`
		Size       int64 `json:"size"`
	} `json:"meta"`
}

// model drops numbers that can't be.
func (s served) model() llm.Model {
	m := llm.Model{
		Name: s.ID, Family: s.OwnedBy, Completion: true,
		Parameters: max(s.Meta.Parameters, 0), Bytes: max(s.Meta.Size, 0),
		ContextMax: max(cmp.Or(s.Meta.Trained, s.Longest, s.Window), 0),
	}
	if s.Created > 0 {
		m.Modified = time.Unix(s.Created, 0).UTC()
	}
	return m
}

// models reads /models.
func (c *Client) models(ctx context.Context) ([]served, error) {
	limits := c.options.Limits
	x := &wire.Exchange{URL: c.URL(), First: limits.Answer, Idle: limits.Answer, Total: limits.Answer, Bytes: limits.BodyBytes}
	request, err := http.NewRequestWithContext(x.Begin(ctx), http.MethodGet, c.base.String()+"/models", nil)
	if err != nil {
		return nil, fault.New(fault.Usage, "", "%w", err).On("openai", c.URL())
	}
	if c.options.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.APIKey)
	}
	response, err := c.http.Do(request)
	cause := func(err error) error {
		if f, _ := x.Seen(); f != nil {
			return f
		}
		return fault.New(fault.Unusable, llm.CodeBadStream, "%w", err).On("openai", c.URL())
	}
	if err != nil {
		return nil, cause(err)
	}
	defer func() { _ = response.Body.Close() }() // what broke was recorded when it broke
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, cause(err)
	}
	var list struct {
		Data *[]served `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, cause(fmt.Errorf("the list of models: %w", err))
	}
	if list.Data == nil {
		return nil, cause(fmt.Errorf("the list of models has no data: %.80q", body))
	}
	return slices.DeleteFunc(*list.Data, func(s served) bool { return s.ID == "" }), nil
}

// Version asks whether the server answers; this protocol tells no version.
func (c *Client) Version(ctx context.Context) (string, error) {
	_, err := c.models(ctx)
	return "", err
}

// List returns the server's models, sorted by name.
func (c *Client) List(ctx context.Context) ([]llm.Model, error) {
	list, err := c.models(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]llm.Model, 0, len(list))
	for _, s := range list {
		out = append(out, s.model())
	}
	slices.SortFunc(out, func(a, b llm.Model) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// find returns one model of the list.
func (c *Client) find(ctx context.Context, model string) (served, error) {
	list, err := c.models(ctx)
	if err != nil {
		return served{}, err
	}
	for _, s := range list {
		if s.ID == model || s.ID == model+":latest" {
			return s, nil
		}
	}
	return served{}, fault.New(fault.ModelMissing, llm.CodeNoModel, "the server lacks model %q", model).On("openai", c.URL()).
		Hint("the server's own tools load a model; cf status lists those it has")
}

// Show describes one model as far as the list does.
func (c *Client) Show(ctx context.Context, model string) (llm.Model, error) {
	s, err := c.find(ctx, model)
	if err != nil {
		return llm.Model{}, err
	}
	return s.model(), nil
}

// Running returns nothing: this protocol does not tell.
func (c *Client) Running(ctx context.Context) ([]llm.Running, error) {
	_, err := c.models(ctx)
	return nil, err
}

// Window returns the window that Options or the server names, or else
// DefaultContext; the first answer for a model holds for the Client's life.
func (c *Client) Window(ctx context.Context, model string) (llm.Window, error) {
	c.mu.Lock()
	w, ok := c.windows[model]
	c.mu.Unlock()
	if ok {
		return w, nil
	}
	s, err := c.find(ctx, model)
	if err != nil {
		return llm.Window{}, err
	}
	w = llm.Window{WeightBytes: max(s.Meta.Size, 0)}
	told := cmp.Or(max(s.Window, 0), max(s.Meta.Context, 0))
	switch {
	case c.options.Context > 0:
		w.Context, w.Why = c.options.Context, "set in the config"
	case told > 0:
		w.Context, w.Why = told, "as the server tells"
	default:
		w.Context, w.Why = DefaultContext, "assumed: the server does not tell its context size"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.windows[model]; ok {
		return first, nil
	}
	c.windows[model] = w
	return w, nil
}

// Counter returns an estimate, since this protocol has no vocabulary.
func (c *Client) Counter(ctx context.Context, model string) (llm.Counter, error) {
	if _, err := c.Window(ctx, model); err != nil {
		return nil, err
	}
	return estimator{}, nil
}

// Render fails with CodeNoRender.
func (c *Client) Render(context.Context, llm.Request) (string, error) {
	return "", fault.New(fault.Failed, llm.CodeNoRender, "OpenAI's protocol can't render a prompt").On("render", c.URL())
}

// Pull fails with CodeNoPull.
func (c *Client) Pull(_ context.Context, model string, _ func(llm.PullProgress)) error {
	return fault.New(fault.Failed, llm.CodeNoPull, "OpenAI's protocol can't pull %q", model).On("pull", c.URL()).
		Hint("load the model with the server's own tools")
}
