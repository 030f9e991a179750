package clean

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/lazyregexp"
)

var (
	answersHTTP = lazyregexp.New(`^raise\s+(?:\w+\.)*_?(?:HTTP|Http)\w*\(`)
	quiet       = lazyregexp.New(`(?i)^\s*(?:\w+\.)*_?\w*log(?:ger|ging)?\.debug\(`)
	loggedWhole = lazyregexp.New(`(?i)^\s*(?:\w+\.)*_?\w*log(?:ger|ging)?\.exception\(|exc_info\s*=\s*True|^\s*traceback\.print_exc\(`)
	// oneCause says all by its type: the message of the new error names it in other words
	oneCause = lazyregexp.New(`^except (?:FileNotFoundError|BrokenPipeError|ModuleNotFoundError|StopIteration) as\b`)
	tracing  = lazyregexp.New(`(?i)traceback|format_exc|exc_info`)
	exits    = lazyregexp.New(`^raise\s+(?:\w+\.)*(?:SystemExit|Exit|Abort|KeyboardInterrupt|StopIteration|StopAsyncIteration)\b`)
)

// named tells whether a new error in Python speaks of the one that was caught, or of all
// that it could say, or ends the program with it; or the one that was caught is in the log,
// with a level that is kept unless the new error is an answer of HTTP, which shows no cause
// to whom it goes.
func (m match) named() bool {
	caught := m.text("caught")
	answers := answersHTTP.MatchString(m.text("change"))
	for line := range strings.Lines(m.text("body")) {
		if (answers || !quiet.MatchString(line)) && slices.Contains(words(line), caught) || loggedWhole.MatchString(line) {
			return true
		}
	}
	return exits.MatchString(m.text("change")) || tracing.MatchString(m.text("change")) || oneCause.MatchString(firstLine(m.text("found"))) || m.converts()
}
