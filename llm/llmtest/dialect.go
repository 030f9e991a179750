package llmtest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// dialect writes the frames of one streaming protocol.
type dialect interface {
	// name is "native" or "openai".
	name() string
	// contentType is the Content-Type of a stream.
	contentType() string
	// rawText is a frame whose text is the JSON string literal given, which may
	// be broken on purpose.
	rawText(literal string) string
	// thinking is a frame of thought.
	thinking(s string) string
	// tool is a frame with a tool call and no text.
	tool() string
	// end is the frame that says why the reply ended, without the mark.
	end(reason string, c counts) string
	// mark is what follows end and closes the reply; "" where end is the mark.
	mark() string
	// broken is an error as a frame of a stream that has begun.
	broken(message string) string
	// refusal is the body of an error status.
	refusal(message string) string
	// decorate adds fields that no specification knows to a frame.
	decorate(frame string) string
	// rename makes a frame name another model.
	rename(frame string) string
}

// counts are the token counts of a reply, as JSON literals; "" leaves one out.
type counts struct{ prompt, output string }

// quote is s as a JSON string literal.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}

// native is Ollama's own protocol: a JSON object a line.
// https://github.com/ollama/ollama/blob/v0.17.4/docs/api.md#generate-a-chat-completion
type native struct{}

const nativeHead = `{"model":"` + FaultModel + `","created_at":"2026-01-02T03:04:05.678901234Z",`

func (native) name() string        { return "native" }
func (native) contentType() string { return "application/x-ndjson" }
func (native) mark() string        { return "" }

func (native) rawText(literal string) string {
	return nativeHead + `"message":{"role":"assistant","content":` + literal + `},"done":false}` + "\n"
}

func (native) thinking(s string) string {
	return nativeHead + `"message":{"role":"assistant","content":"","thinking":` + quote(s) + `},"done":false}` + "\n"
}

func (native) tool() string {
	return nativeHead + `"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"rm","arguments":{"path":"/"}}}]},"done":false}` + "\n"
}

func (native) end(reason string, c counts) string {
	var b strings.Builder
	b.WriteString(nativeHead + `"message":{"role":"assistant","content":""},"done":true,"done_reason":` + quote(reason))
	b.WriteString(`,"total_duration":84289691,"load_duration":28450910`)
	if c.prompt != "" {
		b.WriteString(`,"prompt_eval_count":` + c.prompt + `,"prompt_eval_duration":31706969`)
	}
	if c.output != "" {
		b.WriteString(`,"eval_count":` + c.output + `,"eval_duration":21884202`)
	}
	return b.String() + "}\n"
}

func (native) broken(message string) string  { return `{"error":` + quote(message) + "}\n" }
func (native) refusal(message string) string { return `{"error":` + quote(message) + `}` }

func (native) decorate(frame string) string {
	return strings.Replace(frame, `{"model"`, `{"novelty":{"deep":[1,{"er":null}]},"model"`, 1)
}

func (native) rename(frame string) string {
	return strings.Replace(frame, FaultModel, "another:7b", 1)
}

// v1 is OpenAI's protocol: server-sent events that a line `data: [DONE]` ends.
// https://platform.openai.com/docs/api-reference/chat/streaming
type v1 struct{}

const v1Head = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795453858,"model":"` + FaultModel + `","choices":[`

func (v1) name() string        { return "openai" }
func (v1) contentType() string { return "text/event-stream" }
func (v1) mark() string        { return "data: [DONE]\n\n" }

func (v1) rawText(literal string) string { return v1Delta(`"content":` + literal) }
func (v1) thinking(s string) string {
	return v1Delta(`"content":"","reasoning_content":` + quote(s))
}

func (v1) tool() string {
	return v1Delta(`"content":"","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"rm","arguments":"{\"path\":\"/\"}"}}]`)
}

func v1Delta(fields string) string {
	return v1Head + `{"index":0,"delta":{"role":"assistant",` + fields + `},"finish_reason":null}]}` + "\n\n"
}

func (v1) end(reason string, c counts) string {
	finish := v1Head + `{"index":0,"delta":{"content":""},"finish_reason":` + quote(reason) + `}]}` + "\n\n"
	if c.prompt == "" || c.output == "" {
		return finish
	}
	return finish + v1Head + fmt.Sprintf(`],"usage":{"prompt_tokens":%s,"completion_tokens":%s,"total_tokens":0}}`, c.prompt, c.output) + "\n\n"
}

func (v1) broken(message string) string  { return "data: " + v1{}.refusal(message) + "\n\n" }
func (v1) refusal(message string) string { return v1Error(message, "api_error") }

func v1Error(message, kind string) string {
	return `{"error":{"message":` + quote(message) + `,"type":"` + kind + `","param":null,"code":null}}`
}

func (v1) decorate(frame string) string {
	return strings.Replace(frame, `{"id"`, `{"novelty":{"deep":[1,{"er":null}]},"id"`, 1)
}

func (v1) rename(frame string) string { return strings.Replace(frame, FaultModel, "another:7b", 1) }
