package llmtest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bitactor/cf/llm"
)

// limitFaults send too much, too little, or too slowly. Limits of the provider
// under test are a fraction of a second, so none of these takes longer.
func limitFaults() []Fault {
	endless := func(frame func(x *exchange, i int) string) func(*exchange) {
		return func(x *exchange) {
			for i := 0; x.send(frame(x, i)); i++ {
			}
		}
	}
	// Frames whose words never repeat, so that no loop can be seen in them.
	word := func(i int) string { return fmt.Sprintf(" %x", rand.New(rand.NewPCG(1, uint64(i))).Uint64()) }
	// On a slow machine a line of a megabyte may take longer than the first token may.
	longLine := []string{llm.CodeLongLine, llm.CodeTooManyBytes, llm.CodeFirstToken}
	return []Fault{
		{Name: "silence", Doc: "no byte after the request", Want: Outcome{Codes: []string{llm.CodeFirstToken}}, serve: (*exchange).hang},
		{Name: "headers-then-silence", Doc: "headers, then no byte", Want: Outcome{Codes: []string{llm.CodeFirstToken}}, serve: func(x *exchange) {
			if x.send("") {
				x.hang()
			}
		}},
		{Name: "stands-still", Doc: "half a reply, then silence", Want: Outcome{Codes: []string{llm.CodeIdle}}, serve: func(x *exchange) {
			if x.send(x.frames()[:4]...) {
				x.hang()
			}
		}},
		{Name: "byte-a-minute", Doc: "half a reply, then a byte a minute", Want: Outcome{Codes: []string{llm.CodeIdle}}, serve: func(x *exchange) {
			x.send(x.frames()[:4]...)
			for _, b := range x.frames()[4] {
				if !x.send(string(b)) || !x.wait(time.Minute) {
					return
				}
			}
		}},
		{Name: "drip", Doc: "a byte every 20 ms, for ever", Want: Outcome{Codes: []string{llm.CodeTotal, llm.CodeIdle, llm.CodeFirstToken}}, serve: func(x *exchange) {
			for i := 0; ; i++ {
				line := x.text(word(i))
				for _, b := range line {
					if !x.send(string(b)) || !x.wait(20*time.Millisecond) {
						return
					}
				}
			}
		}},
		{Name: "endless", Doc: "frames without end, past the longest length", Want: Outcome{Codes: []string{llm.CodeTooManyTokens}}, serve: endless(func(x *exchange, i int) string { return x.text(word(i)) })},
		{Name: "twice-max-tokens", Doc: "twice as many tokens as were asked for, then a sound end", Want: Outcome{Codes: []string{llm.CodeTooManyTokens}}, serve: func(x *exchange) {
			for i := range 2 * x.maxTokens {
				if !x.send(x.text(word(i))) {
					return
				}
			}
			x.send(x.finish(2 * x.maxTokens))
		}},
		{Name: "endless-thinking", Doc: "thought without end", Want: Outcome{Codes: anyOf(limits, "", llm.CodeEmpty), Stop: llm.StopThink}, serve: endless(func(x *exchange, i int) string { return x.d.thinking(word(i)) })},
		{Name: "endless-empty-frames", Doc: "frames without text, for ever", Want: Outcome{Codes: limits}, serve: endless(func(x *exchange, _ int) string { return x.text("") })},
		{Name: "endless-newlines", Doc: "line ends, for ever", Want: Outcome{Codes: anyOf(limits, llm.CodeBadStream)}, serve: endless(func(*exchange, int) string { return strings.Repeat("\n", 4096) })},
		{Name: "endless-line", Doc: "a line without end", Want: Outcome{Codes: longLine}, serve: func(x *exchange) {
			x.send(strings.TrimRight(x.text(""), "\"},\n"))
			endless(func(*exchange, int) string { return strings.Repeat("x", 65536) })(x)
		}},
		{Name: "long-line", Doc: "a frame of 9 MB, then a sound end", Want: Outcome{Codes: longLine}, serve: func(x *exchange) {
			x.send(x.text(strings.Repeat("lorem ipsum ", 9<<20/12)), x.finish(1))
		}},
		{Name: "gzip-bomb", Doc: "a gzip stream that unpacks to 1,000 times its size, for ever", Want: Outcome{Codes: anyOf(limits, llm.CodeBadStream)}, serve: func(x *exchange) {
			x.w.Header().Set("Content-Encoding", "gzip")
			member := gzipZeros(1 << 20)
			endless(func(*exchange, int) string { return member })(x)
		}},
	}
}

// gzipZeros is n zero bytes as a gzip member.
func gzipZeros(n int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, n)); err != nil {
		panic(err) // memory does not fail
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// countFaults report token counts that can't be.
func countFaults() []Fault {
	with := func(c func(x *exchange) counts) func(*exchange) {
		return func(x *exchange) { x.send(strings.Join(x.frames(), "") + x.d.end("stop", c(x)) + x.d.mark()) }
	}
	return []Fault{
		{Name: "prompt-truncated", Doc: "the server read 13 % of the prompt and says 200", Want: Outcome{Codes: []string{llm.CodeTruncated}}, serve: with(func(x *exchange) counts {
			return counts{fmt.Sprint(x.promptTokens() * 13 / 100), "11"}
		})},
		{Name: "no-counts", Doc: "no token counts at all", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: with(func(*exchange) counts { return counts{} })},
		{Name: "negative-counts", Doc: "counts below zero", Want: Outcome{Codes: anyOf(bad, llm.CodeTruncated)}, serve: with(func(*exchange) counts { return counts{"-512", "-9223372036854775808"} })},
		{Name: "huge-counts", Doc: "counts over 64 bits", Want: Outcome{Codes: bad}, serve: with(func(*exchange) counts { return counts{"99999999999999999999999", "11"} })},
		{Name: "absurd-counts", Doc: "counts that fit 63 bits and no computer", Want: Outcome{Codes: badOrOK, Text: FaultReply}, serve: with(func(*exchange) counts {
			return counts{"9223372036854775807", "9223372036854775807"}
		})},
		{Name: "fraction-counts", Doc: "counts that are not whole", Want: Outcome{Codes: bad}, serve: with(func(*exchange) counts { return counts{"12.5", "1e-3"} })},
	}
}

// textFaults send text that is not as a careful reader hopes.
func textFaults() []Fault {
	pieces := func(p ...string) func(*exchange) { return func(x *exchange) { x.reply(p...) } }
	literals := func(p ...string) func(*exchange) {
		return func(x *exchange) {
			for _, literal := range p {
				x.send(x.d.rawText(literal))
			}
			x.send(x.finish(len(p)))
		}
	}
	is := func(text string) Outcome { return Outcome{Codes: ok, Text: text, Calls: 1} }
	thought := func(text, thinking string) Outcome { return Outcome{Codes: ok, Text: text, Thinking: thinking} }
	empty := Outcome{Codes: []string{llm.CodeEmpty}}
	return []Fault{
		{Name: "empty-reply", Doc: "no text and a sound end", Want: empty, serve: pieces()},
		{Name: "white-space", Doc: "nothing but white space", Want: empty, serve: pieces(" \n", "\t\n", " ")},
		{Name: "thinking-only", Doc: "thought and no answer", Want: Outcome{Codes: []string{llm.CodeEmpty, ""}, Stop: llm.StopThink}, serve: func(x *exchange) {
			x.send(x.d.thinking("Let me see."), x.d.thinking(" Hm."), x.finish(6))
		}},
		{Name: "think-tags", Doc: "thought as <think> text", Want: thought("The answer.", "I wonder."), serve: pieces("<think>I wonder.</think>The answer.")},
		{Name: "think-tags-split", Doc: "<think> tags split over frames", Want: thought("The answer.", "I wonder."), serve: pieces("<th", "ink>", "I won", "der.", "</", "thi", "nk>", "The ans", "wer.")},
		{Name: "think-tags-by-byte", Doc: "<think> tags, a byte a frame", Want: thought("The answer.", "I wonder."), serve: pieces(strings.Split("<think>I wonder.</think>The answer.", "")...)},
		{Name: "think-close-only", Doc: "thought without its opening tag, which the prompt held", Restart: true, Want: thought("The answer.", "I wonder."), serve: pieces("I ", "wonder.", "</th", "ink>", "\n\n", "The ", "answer.")},
		{Name: "think-close-only-in-one", Doc: "the same in one frame", Restart: true, Want: thought("The answer.", "I wonder."), serve: pieces("I wonder.</think>\n\nThe answer.")},
		{Name: "think-quoted", Doc: "an answer that writes about the tag", Restart: true, Want: is("It ends with `</think>`, always."), serve: pieces("It ends ", "with `</think>`", ", always.")},
		{Name: "thinking-tags", Doc: "thought as <thinking> text", Want: thought("The answer.", "I wonder."), serve: pieces("\n<thinking>", "I wonder.", "</thinking>", "\n", "The answer.")},
		{Name: "think-open", Doc: "<think> that never closes", Want: empty, serve: pieces("<think>I", " wonder", " and wonder.")},
		{Name: "angle-brackets", Doc: "text with < that is no tag", Want: is("if a < b && c<thinner { <thin> }"), serve: pieces("if a <", " b && c<", "thin", "ner { <thi", "n> }")},
		{Name: "split-runes", Doc: "the bytes of a rune in two frames, as raw bytes", Want: Outcome{Codes: ok, Calls: 1}, serve: literals("\"caf\xc3\"", "\"\xa9 \xf0\x9f\"", "\"\x92\xa1 done\"")},
		{Name: "invalid-utf8", Doc: "bytes that are no UTF-8", Want: Outcome{Codes: badOrOK}, serve: literals("\"a\xff\xfe b\"", "\"\xc0\x80\"", "\" end\"")},
		{Name: "lone-surrogates", Doc: "escapes of half a surrogate pair", Want: Outcome{Codes: badOrOK}, serve: literals(`"a\ud83d"`, `"\ude00 b"`, `"\udfff end"`)},
		{Name: "nul", Doc: "NUL in the text: carried raw, the renderer's duty", Want: Outcome{Codes: badOrOK, Text: "a\x00b end"}, serve: literals(`"a\u0000b"`, `" end"`)},
		{Name: "control-characters", Doc: "escape sequences, C1, bidi and tag characters: carried raw, the renderer's duty", Want: is("\x1b]52;c;cm0=\a\u009b2J\u202egnp.exe\U000e0041"), serve: pieces("\x1b]52;c;cm0=\a", "\u009b2J", "\u202egnp.exe\U000e0041")},
		{Name: "astral", Doc: "text outside the basic plane, escaped as surrogate pairs", Want: is("ok 😀 done"), serve: literals(`"ok \ud83d\ude00"`, `" done"`)},
		{Name: "many-in-one", Doc: "a thousand words in one frame", Want: is(manyWords), serve: pieces(manyWords)},
	}
}

// manyWords is text of a thousand words without a period.
var manyWords = func() string {
	random := rand.New(rand.NewPCG(2, 3))
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "%s%d ", string(rune('a'+random.IntN(26))), random.IntN(1e6)+i)
	}
	return b.String() + "end."
}()

// loopFaults repeat themselves.
func loopFaults() []Fault {
	loop := []string{llm.CodeLoop}
	repeat := func(lead string, phrase []string) func(*exchange) {
		return func(x *exchange) {
			lead := words(lead)
			for i := range x.maxTokens {
				piece := ""
				if i < len(lead) {
					piece = lead[i]
				} else {
					piece = phrase[(i-len(lead))%len(phrase)]
				}
				if !x.send(x.text(piece)) {
					return
				}
			}
			x.send(x.d.end("length", x.counts(x.maxTokens)) + x.d.mark())
		}
	}
	var out []Fault
	for period := 1; period <= 64; period++ {
		out = append(out, Fault{
			Name: fmt.Sprintf("loop-%d", period), Doc: fmt.Sprintf("after %d words the same %d tokens over and over", 11, period),
			Want: Outcome{Codes: loop}, serve: repeat(FaultReply, phrase(period)),
		})
	}
	list := honestList()
	return append(out,
		Fault{Name: "loop-lines", Doc: "the same line over and over", Want: Outcome{Codes: loop}, serve: repeat("Steps:\n", []string{"- Add", " a test", " for it", ".\n"})},
		Fault{Name: "loop-then-eof", Doc: "one token 31 times, then a clean end without mark: what Ollama makes of a loop", Want: Outcome{Codes: anyOf(loop, llm.CodeCut)}, serve: func(x *exchange) {
			for range 31 {
				if !x.send(x.text(" the")) {
					return
				}
			}
		}},
		Fault{Name: "honest-list", Doc: "a table, a rule and code whose lines are alike: not a loop", Want: Outcome{Codes: ok, Text: list, Calls: 1}, serve: func(x *exchange) { x.reply(words(list)...) }},
	)
}

// phrase is n tokens, no two alike.
func phrase(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(" %c%c%d", 'a'+i%26, 'a'+i/26, i)
	}
	return out
}

// honestList is text that repeats much and means it.
func honestList() string {
	var b strings.Builder
	b.WriteString("| signal | handler | budget |\n| --- | --- | --- |\n")
	for i := range 12 {
		fmt.Fprintf(&b, "| 0x%02x | handle_%d | 8 |\n", i, i)
	}
	b.WriteString(strings.Repeat("-", 72) + "\n")
	for i := range 10 {
		fmt.Fprintf(&b, "\tif err := step%d(ctx); err != nil {\n\t\treturn err\n\t}\n", i)
	}
	b.WriteString("}\n}\n}\n")
	return b.String()
}
