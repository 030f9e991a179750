package bench

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, driven by the Chrome DevTools Protocol
// (https://chromedevtools.github.io/devtools-protocol/) over two pipes: messages end
// with a zero byte, so no port is opened.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
	events  []message // that came while an answer was waited for
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// startBrowser starts Chromium and opens an empty page; the test's end ends both. It
// skips the test where there is none, unless CF_TEST_REQUIRE says that nothing may be.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CF_TEST_REQUIRE") != "" {
			t.Fatal("CF_TEST_REQUIRE is set and chromium is missing: install the package chromium")
		}
		t.Skip("no chromium here")
	}
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--hide-scrollbars", "--font-render-hinting=none", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, fromWrite} // descriptors 3 and 4
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	_, _ = toRead.Close(), fromWrite.Close()
	b := &browser{t: t, to: toWrite, from: bufio.NewReader(fromRead)}
	t.Cleanup(func() {
		b.session = ""
		_, _ = b.send("Browser.close", nil)
		_, _ = io.Copy(io.Discard, b.from) // to its end: the profile's folder is no longer in use then
		_ = cmd.Wait()
		cancel()
		_, _ = toWrite.Close(), fromRead.Close()
	})
	var target struct{ TargetID string }
	b.command("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.command("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.command(domain+".enable", nil, nil)
	}
	return b
}

func (b *browser) send(method string, params any) (json.RawMessage, error) {
	b.last++
	if params == nil {
		params = struct{}{}
	}
	text, err := json.Marshal(message{ID: b.last, Method: method, Session: b.session, Params: params})
	if err != nil {
		return nil, err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		m, err := b.receive()
		switch {
		case err != nil:
			return nil, err
		case m.ID == 0:
			b.events = append(b.events, m)
		case m.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		case m.ID == b.last:
			return m.Result, nil
		}
	}
}

func (b *browser) receive() (m message, err error) {
	text, err := b.from.ReadBytes(0)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text[:len(text)-1], &m)
}

func (b *browser) command(method string, params, into any) {
	b.t.Helper()
	result, err := b.send(method, params)
	if err == nil && into != nil {
		err = json.Unmarshal(result, into)
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

// screen is how a page is looked at.
type screen struct {
	name          string
	width, height int
	scheme        string // light or dark
	media         string // "" or print
}

// look opens a page of the given text at a screen and waits until it is laid out.
func (b *browser) look(page []byte, s screen) {
	b.t.Helper()
	name := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(name, page, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.command("Emulation.setDeviceMetricsOverride", map[string]any{"width": s.width, "height": s.height, "deviceScaleFactor": 1, "mobile": s.width < 500}, nil)
	b.command("Emulation.setEmulatedMedia", map[string]any{"media": s.media, "features": []any{map[string]string{"name": "prefers-color-scheme", "value": s.scheme}}}, nil)
	b.events = nil
	b.command("Page.navigate", map[string]any{"url": "file://" + name}, nil)
	for !b.saw("Page.loadEventFired") {
		m, err := b.receive()
		if err != nil {
			b.t.Fatal(err)
		}
		b.events = append(b.events, m)
	}
}

func (b *browser) saw(method string) bool {
	for _, m := range b.events {
		if m.Method == method {
			return true
		}
	}
	return false
}

// evaluate runs a JavaScript expression in the page and decodes what it gives.
func (b *browser) evaluate(expression string, into any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	b.command("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, answer.ExceptionDetails.Exception.Description)
	}
	if err := json.Unmarshal(answer.Result.Value, into); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// picture is the whole page as a PNG, or what the screen shows of it.
func (b *browser) picture(whole bool) []byte {
	b.t.Helper()
	var shot struct{ Data string }
	b.command("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": whole}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}
