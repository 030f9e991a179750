package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Options of every raw shot. The window holds the largest file of the tasks and
// its answer; a reply that is longer than the longest answer is a loop.
const (
	rawContext     = 8192
	rawReply       = 512
	rawShots       = 8
	rawTemperature = 0.8 // of all shots but the first
	replyLimit     = 15 * time.Minute
)

// prompt is what someone would type who pastes a file into a chat.
func (t *task) prompt() string {
	show := func(path string) string {
		return fmt.Sprintf("File %s:\n```%s\n%s```\n\n", path, t.Language, t.Files[path])
	}
	switch t.Kind {
	case kindTests:
		return show(t.About) + t.Instructions + fmt.Sprintf("\n\nAnswer with the complete content of the new file %s in one code block.", t.Path)
	case kindLarge:
		return show(t.Path) + t.Instructions + fmt.Sprintf("\n\nAnswer with the new %s only, in one code block.", t.Symbol)
	}
	return show(t.Path) + t.Instructions + fmt.Sprintf("\n\nAnswer with the complete new content of %s in one code block.", t.Path)
}

var fenced = regexp.MustCompile("(?s)```[^\n]*\n(.*?)\n?```")

// paste puts an answer where the user would: it is the file, or stands in the
// place of the definition that a large file has. The first block is taken, or
// all of an answer without one.
func (t *task) paste(answer string) string {
	code := answer
	if m := fenced.FindStringSubmatch(answer); m != nil {
		code = m[1]
	}
	if t.Kind == kindLarge {
		return strings.Replace(t.Files[t.Path], t.Edits[0].Old, strings.TrimRight(code, "\n"), 1)
	}
	return strings.TrimRight(code, "\n") + "\n"
}

// shot asks the model once.
func shot(ctx context.Context, server, model, prompt string, n int) (string, error) {
	temperature := rawTemperature
	if n == 0 {
		temperature = 0
	}
	body, err := json.Marshal(map[string]any{
		"model": model, "stream": true, "keep_alive": "30m", "truncate": false, "shift": false,
		"messages": []map[string]string{{"role": "user", "content": prompt}},
		"options":  map[string]any{"num_ctx": rawContext, "num_predict": rawReply, "temperature": temperature, "seed": n + 1},
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, replyLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/api/chat", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) //nolint:errcheck // it only says more
		return "", fmt.Errorf("%s: %s", response.Status, why)
	}
	var text strings.Builder
	for lines := json.NewDecoder(response.Body); ; {
		var l struct {
			Message struct{ Content string }
			Done    bool
			Error   string
		}
		if err := lines.Decode(&l); err != nil {
			return "", fmt.Errorf("the reply broke off: %w", err)
		}
		if l.Error != "" {
			return "", fmt.Errorf("the server says: %s", l.Error)
		}
		text.WriteString(l.Message.Content)
		if l.Done {
			return text.String(), nil
		}
	}
}

// raw takes shots and leaves the first whose visible tests pass, else the first;
// a single shot is not tested before it is left.
func (b *bench) raw(shots int) arm {
	return func(ctx context.Context, t *task, dir string) (string, error) {
		var first, picked string
		for n := range shots {
			answer, err := shot(ctx, b.meter.URL, b.model, t.prompt(), n)
			if err != nil {
				return "", err
			}
			text := t.paste(answer)
			if n == 0 {
				first = text
			}
			if shots == 1 || picked != "" {
				continue // all shots are taken, as the name says: their cost counts
			}
			ok, _, err := b.judge.visible(ctx, t, text)
			if err != nil {
				return "", err
			}
			if ok {
				picked = text
			}
		}
		if picked == "" {
			picked = first
		}
		return "", t.write(dir, map[string]string{t.Path: picked})
	}
}
