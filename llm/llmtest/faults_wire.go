package llmtest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bitactor/cf/llm"
)

// connectionFaults strike before there is a reply.
func connectionFaults() []Fault {
	redirect := func(target func(*exchange) string) func(*exchange) {
		return func(x *exchange) {
			http.Redirect(x.w, x.r, target(x), http.StatusTemporaryRedirect)
		}
	}
	raw := func(reply string) func(*exchange) {
		return func(x *exchange) {
			conn := x.hijack()
			_, _ = io.WriteString(conn, reply) // the client may hang up on what it reads
			_ = conn.Close()
		}
	}
	return []Fault{
		{Name: "refused", Doc: "nothing listens on the port", Refuse: true, Want: Outcome{Codes: []string{llm.CodeRefused}}},
		{Name: "reset-at-once", Doc: "RST in place of a reply", Want: Outcome{Codes: cut}, serve: (*exchange).reset},
		{Name: "closed-at-once", Doc: "FIN in place of a reply", Want: Outcome{Codes: cut}, serve: raw("")},
		{Name: "version-cut", Doc: "the connection closes inside the version", Want: Outcome{Codes: cut}, serve: raw("HTTP/1")},
		{Name: "status-cut", Doc: "the connection closes inside the status", Want: Outcome{Codes: cut}, serve: raw("HTTP/1.1 2")},
		{Name: "headers-cut", Doc: "the connection closes inside the headers", Want: Outcome{Codes: anyOf(cut, llm.CodeBadStream)}, serve: raw("HTTP/1.1 200 OK\r\nContent-Ty")},
		{Name: "not-http", Doc: "an SSH banner in place of HTTP", All: true, Want: Outcome{Codes: bad}, serve: raw("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")},
		{Name: "redirect-elsewhere", Doc: "307 to another host: must not be followed", All: true, Want: Outcome{Codes: anyOf(refused, llm.CodeRemoteHost)}, serve: redirect(func(x *exchange) string { return x.server.elsewhere.URL + x.r.URL.Path })},
		{Name: "redirect-loop", Doc: "307 to itself", All: true, Want: Outcome{Codes: refused}, serve: redirect(func(x *exchange) string { return x.r.URL.Path })},
		{Name: "header-flood", Doc: "headers without end", Want: Outcome{Codes: anyOf(limits, llm.CodeBadStream, llm.CodeCut)}, serve: func(x *exchange) {
			conn := x.hijack()
			defer func() { _ = conn.Close() }()
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for i := 0; err == nil; i++ {
				_, err = fmt.Fprintf(conn, "X-Flood-%d: %s\r\n", i, strings.Repeat("x", 4096))
			}
		}},
	}
}

// statusFaults answer with a status that is not 200, or the wrong kind of body.
func statusFaults() []Fault {
	status := func(code int, message string, headers ...string) func(*exchange) {
		return func(x *exchange) {
			for i := 0; i+1 < len(headers); i += 2 {
				x.w.Header().Set(headers[i], headers[i+1])
			}
			x.json(code, x.d.refusal(message))
		}
	}
	once := func(f func(*exchange)) func(*exchange) {
		return func(x *exchange) {
			if x.call == 1 {
				f(x)
				return
			}
			x.reply(words(FaultReply)...)
		}
	}
	busy := "server busy, please try again.  maximum pending requests exceeded"
	html := "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome to the network</h1></body></html>"
	recovered := Outcome{Codes: ok, Text: FaultReply, Calls: 2}
	oom := Outcome{Codes: []string{llm.CodeMemory}, Calls: 1}
	return []Fault{
		{Name: "model-missing", Doc: "404, the model is not there", Want: Outcome{Codes: []string{llm.CodeNoModel}, Calls: 1}, serve: status(404, "model '"+FaultModel+"' not found")},
		{Name: "path-missing", Doc: "404 page not found, as text: not a model server", All: true, Want: Outcome{Codes: anyOf(refused, llm.CodeNoModel)}, serve: func(x *exchange) { http.NotFound(x.w, x.r) }},
		{Name: "busy-once", Doc: "503 once, then sound", Want: recovered, serve: once(status(503, busy))},
		{Name: "busy-once-retry-after", Doc: "503 with Retry-After: 1 once, then sound", Want: recovered, serve: once(status(503, busy, "Retry-After", "1"))},
		{Name: "busy-always", Doc: "503 for ever", Want: Outcome{Codes: []string{llm.CodeBusy}, Calls: MaxTries}, serve: status(503, busy)},
		{Name: "busy-retry-after-a-day", Doc: "503 with Retry-After: 86400: nobody waits a day", Want: Outcome{Codes: []string{llm.CodeBusy}}, serve: status(503, busy, "Retry-After", "86400")},
		{Name: "busy-retry-after-nonsense", Doc: "503 with a Retry-After that is no time", Want: Outcome{Codes: []string{llm.CodeBusy}, Calls: MaxTries}, serve: status(503, busy, "Retry-After", "-9e99 whenever")},
		{Name: "rate-limited-once", Doc: "429 once, then sound", Want: recovered, serve: once(status(429, "rate limit reached"))},
		{Name: "rate-limited", Doc: "429 for ever", Want: Outcome{Codes: []string{llm.CodeBusy}, Calls: MaxTries}, serve: status(429, "rate limit reached")},
		{Name: "out-of-memory", Doc: "500, the model needs more memory than there is", Want: oom, serve: status(500, "model requires more system memory (5.6 GiB) than is available (2.0 GiB)")},
		{Name: "gpu-out-of-memory", Doc: "500, CUDA is out of memory", Want: oom, serve: status(500, "llama runner process has terminated: cudaMalloc failed: out of memory")},
		{Name: "runner-stopped", Doc: "500, the runner died", Want: oom, serve: status(500, "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details")},
		{Name: "server-error", Doc: "500 with a reason of its own", Want: Outcome{Codes: []string{llm.CodeServer}, Calls: 1}, serve: status(500, "template: :1: unexpected EOF")},
		{Name: "unauthorised", Doc: "401", Want: Outcome{Codes: []string{llm.CodeServer}, Calls: 1}, serve: status(401, "incorrect API key provided")},
		{Name: "too-long", Doc: "400, the prompt is longer than the window", Want: Outcome{Codes: []string{llm.CodeTooLong}, Calls: 1}, serve: status(400, "the input length exceeds the context length")},
		{Name: "error-endless", Doc: "500 whose body never ends", Want: Outcome{Codes: anyOf(limits, llm.CodeServer)}, serve: func(x *exchange) {
			x.w.WriteHeader(500)
			for x.begun = true; x.send(strings.Repeat("error ", 1000)); {
			}
		}},
		{Name: "html", Doc: "a sign-in page under 200 in place of JSON", All: true, Want: Outcome{Codes: bad}, serve: func(x *exchange) {
			x.w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(x.w, html)
		}},
		{Name: "html-502", Doc: "a proxy's 502 page", All: true, Want: Outcome{Codes: anyOf(refused, llm.CodeBusy)}, serve: func(x *exchange) {
			x.w.Header().Set("Content-Type", "text/html")
			x.w.WriteHeader(502)
			_, _ = io.WriteString(x.w, html)
		}},
		{Name: "wrong-content-type", Doc: "a sound stream called text/html", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: func(x *exchange) {
			x.w.Header().Set("Content-Type", "text/html; charset=latin1")
			x.send(x.whole())
		}},
		{Name: "no-content", Doc: "204", Want: Outcome{Codes: anyOf(refused, llm.CodeCut, llm.CodeEmpty)}, serve: func(x *exchange) { x.w.WriteHeader(204) }},
		{Name: "partial-content", Doc: "206 with half a stream", Want: Outcome{Codes: anyOf(refused, llm.CodeCut)}, serve: func(x *exchange) {
			x.w.WriteHeader(206)
			_, _ = io.WriteString(x.w, strings.Join(x.frames()[:4], ""))
		}},
		{Name: "empty-body", Doc: "200 and no byte", Want: Outcome{Codes: cut}, serve: func(x *exchange) { x.send("") }},
	}
}

// cutFaults end a stream too early.
func cutFaults() []Fault {
	half := func(x *exchange) bool { return x.send(x.frames()[:4]...) }
	return []Fault{
		{Name: "reset-mid-stream", Doc: "RST between two frames", Want: Outcome{Codes: cut}, serve: func(x *exchange) { half(x); x.reset() }},
		{Name: "reset-mid-line", Doc: "RST inside a frame", Want: Outcome{Codes: cut}, serve: func(x *exchange) {
			half(x)
			x.send(x.frames()[4][:40])
			x.reset()
		}},
		{Name: "eof-mid-stream", Doc: "the connection closes between two frames, the body unfinished", Want: Outcome{Codes: cut}, serve: func(x *exchange) { half(x); _ = x.hijack().Close() }},
		{Name: "eof-without-done", Doc: "a clean end of the body with no end mark, as Ollama does after 30 equal tokens", Want: Outcome{Codes: cut}, serve: func(x *exchange) { half(x) }},
		{Name: "eof-mid-line", Doc: "a clean end of the body inside a frame", Want: Outcome{Codes: anyOf(cut, llm.CodeBadStream)}, serve: func(x *exchange) {
			half(x)
			x.send(x.frames()[4][:60])
		}},
		{Name: "eof-before-last-newline", Doc: "the last frame lacks only its line end", Want: Outcome{Codes: anyOf(cut, ""), Text: FaultReply}, serve: func(x *exchange) {
			x.send(strings.TrimRight(x.whole(), "\n"))
		}},
		{Name: "eof-in-last-frame", Doc: "the last frame lacks its last byte but one", Want: Outcome{Codes: anyOf(cut, llm.CodeBadStream)}, serve: func(x *exchange) {
			whole := strings.TrimRight(x.whole(), "\n")
			x.send(whole[:len(whole)-1])
		}},
		{Name: "no-mark", Doc: "finish_reason came, [DONE] did not", Only: "openai", Want: Outcome{Codes: cut}, serve: func(x *exchange) {
			x.send(append(x.frames(), x.d.end("stop", x.counts(11)))...)
		}},
		{Name: "mark-without-reason", Doc: "[DONE] came, finish_reason did not", Only: "openai", Want: Outcome{Codes: anyOf(cut, llm.CodeBadStream)}, serve: func(x *exchange) {
			x.send(append(x.frames(), x.d.mark())...)
		}},
		{Name: "short-length", Doc: "Content-Length promises more than comes", Want: Outcome{Codes: cut}, serve: func(x *exchange) {
			x.w.Header().Set("Content-Length", "100000")
			half(x)
			_ = x.hijack().Close()
		}},
		{Name: "error-in-stream", Doc: "an error object after text, under 200", Want: Outcome{Codes: []string{llm.CodeServer}}, serve: func(x *exchange) {
			half(x)
			x.send(x.d.broken("an error was encountered while running the model: unexpected EOF"))
		}},
		{Name: "error-then-done", Doc: "an error object, then text and a sound end", Want: Outcome{Codes: []string{llm.CodeServer}}, serve: func(x *exchange) {
			half(x)
			x.send(x.d.broken("slot unavailable"), x.frames()[5], x.finish(5))
		}},
		{Name: "error-first", Doc: "an error object under 200 and nothing else", Want: Outcome{Codes: []string{llm.CodeServer}}, serve: func(x *exchange) { x.send(x.d.broken("failed to load the model vocabulary")) }},
		{Name: "memory-in-stream", Doc: "the runner dies of memory after text", Want: Outcome{Codes: []string{llm.CodeMemory}}, serve: func(x *exchange) {
			half(x)
			x.send(x.d.broken("model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details"))
		}},
		{Name: "length", Doc: "the reply ended at the longest length", Want: Outcome{Codes: ok, Text: FaultReply, Stop: llm.StopLength, Calls: 1}, serve: func(x *exchange) {
			frames := x.frames()
			x.send(append(frames, x.d.end("length", x.counts(x.maxTokens))+x.d.mark())...)
		}},
		{Name: "done-then-open", Doc: "a sound end, then the connection stays open", Want: Outcome{Codes: ok, Text: FaultReply}, serve: func(x *exchange) {
			if x.send(x.whole()) {
				x.hang()
			}
		}},
		{Name: "done-then-reset", Doc: "a sound end, then RST in place of the body's end", Want: Outcome{Codes: anyOf(cut, ""), Text: FaultReply}, serve: func(x *exchange) {
			x.send(x.whole())
			x.reset()
		}},
		{Name: "slow-but-sound", Doc: "a frame every 20 ms", Want: Outcome{Codes: ok, Text: FaultReply, Calls: 1}, serve: func(x *exchange) {
			for _, frame := range x.frames() {
				if !x.send(frame) || !x.wait(20*time.Millisecond) {
					return
				}
			}
			x.send(x.finish(11))
		}},
	}
}

// protocolFaults bend the protocol.
func protocolFaults() []Fault {
	joined := func(f func(x *exchange) string) func(*exchange) { return func(x *exchange) { x.send(f(x)) } }
	sound := Outcome{Codes: ok, Text: FaultReply, Calls: 1}
	return []Fault{
		{Name: "junk-line", Doc: "a line that is not JSON among the frames", Want: Outcome{Codes: bad}, serve: joined(func(x *exchange) string {
			junk := map[string]string{"native": "{]}\n", "openai": "data: {]}\n\n"}[x.d.name()]
			return strings.Join(x.frames()[:3], "") + junk + x.whole()
		})},
		{Name: "wrong-types", Doc: "a frame whose fields have other types", Want: Outcome{Codes: bad}, serve: joined(func(x *exchange) string {
			return strings.Join(x.frames()[:3], "") + x.d.rawText(`["a","list"]`) + x.whole()
		})},
		{Name: "json-array", Doc: "a frame that is a list", Want: Outcome{Codes: bad}, serve: joined(func(x *exchange) string {
			list := map[string]string{"native": "[1,2,3]\n", "openai": "data: [1,2,3]\n\n"}[x.d.name()]
			return list + x.whole()
		})},
		{Name: "deep-json", Doc: "a frame nested 100,000 deep", Want: Outcome{Codes: anyOf(bad, "", llm.CodeLongLine), Text: FaultReply}, serve: joined(func(x *exchange) string {
			deep := strings.Repeat("[", 1e5) + strings.Repeat("]", 1e5)
			return strings.Replace(x.frames()[0], `"model":`, `"deep":`+deep+`,"model":`, 1) + strings.Join(x.frames()[1:], "") + x.finish(11)
		})},
		{Name: "blank-lines", Doc: "blank lines between the frames", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string {
			return "\n\n" + strings.ReplaceAll(x.whole(), "\n", "\n\n\n")
		})},
		{Name: "crlf", Doc: "lines end with CR LF", Want: sound, serve: joined(func(x *exchange) string { return strings.ReplaceAll(x.whole(), "\n", "\r\n") })},
		{Name: "bom", Doc: "a byte order mark before the first frame", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string { return "\ufeff" + x.whole() })},
		{Name: "two-on-a-line", Doc: "two JSON values on a line", Only: "native", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string {
			frames := x.frames()
			return strings.TrimRight(frames[0], "\n") + strings.Join(frames[1:], "") + x.finish(11)
		})},
		{Name: "byte-by-byte", Doc: "a sound stream, a byte a packet", Want: sound, serve: func(x *exchange) { x.send(strings.Split(x.whole(), "")...) }},
		{Name: "unknown-fields", Doc: "fields that nobody knows", Want: sound, serve: joined(func(x *exchange) string {
			var b strings.Builder
			for _, frame := range x.frames() {
				b.WriteString(x.d.decorate(frame))
			}
			return b.String() + x.finish(11)
		})},
		{Name: "other-model", Doc: "the frames name another model than was asked for", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string {
			var b strings.Builder
			for _, frame := range append(x.frames(), x.finish(11)) {
				b.WriteString(x.d.rename(frame))
			}
			return b.String()
		})},
		{Name: "old-version", Doc: "the server is Ollama 0.1.14", Version: "0.1.14", Want: sound, serve: joined((*exchange).whole)},
		{Name: "nonsense-version", Doc: "the version is 4 KiB of nothing", Version: strings.Repeat("v0.", 1365), Want: sound, serve: joined((*exchange).whole)},
		{Name: "done-twice", Doc: "the end comes twice", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string { return x.whole() + x.finish(11) })},
		{Name: "text-after-done", Doc: "text after the end: never part of the reply", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string { return x.whole() + x.text(" And rm -rf.") })},
		{Name: "junk-after-done", Doc: "junk after the end", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string { return x.whole() + "}{\x00\xff\n" })},
		{Name: "tool-call", Doc: "a tool call in place of text", Want: Outcome{Codes: []string{llm.CodeEmpty, llm.CodeBadStream}}, serve: joined(func(x *exchange) string { return x.d.tool() + x.finish(1) })},
		{Name: "odd-stop-reason", Doc: "a stop reason that nobody knows: the reply is not known to be whole", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: joined(func(x *exchange) string {
			return strings.Join(x.frames(), "") + x.d.end("unload", x.counts(11)) + x.d.mark()
		})},
		{Name: "not-streamed", Doc: "the whole reply as one object, though a stream was asked for", Only: "openai", Want: Outcome{Codes: anyOf(bad, llm.CodeCut)}, serve: func(x *exchange) {
			x.json(200, `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}]}`)
		}},
		{Name: "comments", Doc: "SSE comments and event names between the frames", Only: "openai", Want: sound, serve: joined(func(x *exchange) string {
			return ": ping\n\nevent: message\nid: 7\nretry: 10\n" + strings.Join(x.frames(), ": OPENROUTER PROCESSING\n\n") + x.finish(11)
		})},
		{Name: "many-comments", Doc: "a thousand keep-alive comments before the first frame, as a proxy sends while a model loads", Only: "openai", Want: sound, serve: joined(func(x *exchange) string {
			return strings.Repeat(": keep-alive\n\n", 1000) + x.whole()
		})},
		{Name: "no-space", Doc: "data: without the space after it", Only: "openai", Want: sound, serve: joined(func(x *exchange) string { return strings.ReplaceAll(x.whole(), "data: ", "data:") })},
	}
}
