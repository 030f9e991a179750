package ollama

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/bitactor/cf/llm/wire"
)

// protocol is Ollama's own: a JSON object for each request, JSON objects a line
// for streams (https://github.com/ollama/ollama/blob/v0.17.4/docs/api.md).
var protocol = wire.Protocol{
	Name: "ollama", Title: "Ollama", Whole: "application/json", Stream: "application/x-ndjson",
	Check:   "check the port: Ollama listens on 11434 unless told otherwise",
	Start:   "is the server running? cf status shows what cf finds, cf setup makes a machine ready",
	Refusal: refusal, Line: readLine,
}

// refusal finds the message in the body of an error.
func refusal(body []byte) string {
	var r struct{ Error string }
	if json.Unmarshal(body, &r) != nil {
		return ""
	}
	return r.Error
}

// readLine reads one line of a chat or of a pull.
func readLine(line []byte) wire.Line {
	if line[0] != '{' || !json.Valid(line) {
		return wire.Line{Err: fmt.Errorf("a line is not a JSON object: %.80q", line)}
	}
	var mark struct {
		Error  *string `json:"error"`
		Done   bool    `json:"done"`
		Status string  `json:"status"`
	}
	if err := json.Unmarshal(line, &mark); err != nil {
		return wire.Line{Err: fmt.Errorf("a line has fields of the wrong type: %w", err)}
	}
	if mark.Error != nil {
		return wire.Line{Refusal: cmp.Or(*mark.Error, "an error without words")}
	}
	return wire.Line{Out: line, Moved: true, End: mark.Done || mark.Status == "success"}
}
