package openai

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/bitactor/cf/llm/wire"
)

// protocol is OpenAI's: JSON, and server-sent events that the line
// `data: [DONE]` ends (https://platform.openai.com/docs/api-reference/chat/streaming).
var protocol = wire.Protocol{
	Name: "openai", Title: "OpenAI's server", Whole: "application/json", Stream: "text/event-stream",
	Check:   "check the port and the path: the path usually ends in /v1",
	Start:   "is the server running? cf status shows what cf finds",
	Refusal: refusalText, Line: readLine,
}

// bom may come before the first event
// (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
var bom = []byte("\ufeff")

// readLine reads one line of a stream. Event names, ids, comments and blank
// lines carry nothing in this protocol. An event split over several data lines,
// which the format allows, is one no server of this protocol sends: its parts
// fail as JSON.
func readLine(line []byte) wire.Line {
	line = bytes.TrimPrefix(line, bom)
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	if !ok {
		return otherLine(line)
	}
	data = bytes.TrimSpace(data)
	if string(data) == "[DONE]" {
		return wire.Line{Out: []byte("data: [DONE]"), End: true}
	}
	var mark struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(data, &mark); err != nil {
		return wire.Line{Err: fmt.Errorf("an event is not a JSON object: %.80q", data)}
	}
	if len(mark.Error) > 0 && string(mark.Error) != "null" {
		return wire.Line{Refusal: cmp.Or(refusalText(data), "an error without words")}
	}
	return wire.Line{Out: append([]byte("data: "), data...), Moved: true}
}

// otherLine looks at a line that is no data. Ollama's and vLLM's errors may come
// as a bare JSON object.
func otherLine(line []byte) wire.Line {
	if len(line) == 0 || line[0] == ':' {
		return wire.Line{}
	}
	for _, field := range []string{"event:", "id:", "retry:"} {
		if bytes.HasPrefix(line, []byte(field)) {
			return wire.Line{}
		}
	}
	if text := refusalText(line); text != "" {
		return wire.Line{Refusal: text}
	}
	return wire.Line{Err: fmt.Errorf("a line is no event: %.80q", line)}
}

// refusalText finds the message in the shapes that servers give an error:
// {"error":{"message":"..."}}, {"error":"..."} and {"message":"..."}. "" means
// that body is none of them.
func refusalText(body []byte) string {
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return ""
	}
	var inner struct {
		Message string `json:"message"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &inner) == nil && inner.Message != "":
		return inner.Message
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		return text
	case len(outer.Error) > 0:
		return string(outer.Error)
	}
	return outer.Message
}
