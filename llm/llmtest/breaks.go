package llmtest

// How a server breaks off.
type How string

// The ways.
const (
	Ends   How = "ends"   // the body ends as if it were whole, without the end mark
	Closes How = "closes" // the connection closes inside the body
	Resets How = "resets" // the connection is reset
	Errors How = "errors" // status 500, or, once the header is out, an error object in the stream
	Tears  How = "tears"  // the connection closes inside the next line: of the status, the text, or the end mark
	Hangs  How = "hangs"  // nothing more comes until the client leaves
)

// Then is what a server does after it broke off.
type Then string

// What may follow.
const (
	Recovers Then = "recovers" // it answers the next call
	Again    Then = "again"    // it breaks off every call from then on in the same way
	Gone     Then = "gone"     // nothing listens any more
)

// Break says where and how a server that answers soundly breaks off.
type Break struct {
	Call    int // the chat that it strikes, from 1
	After   int // pieces of its answer that come before: BeforeHeader, 0, or more; beyond the last one, all but the end mark
	How     How
	Then    Then
	Reached func() // called, where set, each time it is reached
}

// BeforeHeader is Break.After where not even the status comes.
const BeforeHeader = -1

// Breaks is a server that answers as Answers does, and breaks off. The answer that
// it broke off is the next one all the same. It is no fault of Faults.
func Breaks(b Break, list ...Answer) Fault {
	answers := newAnswers(list)
	return Fault{
		Name: "breaks", Doc: "answers what the test wrote, and breaks off", Want: Outcome{Codes: cut},
		serve: func(x *exchange) {
			switch {
			case x.call < b.Call, x.call > b.Call && b.Then == Recovers:
				x.reply(words(answers.next(x.prompt, false))...)
				return
			case x.call > b.Call && b.Then == Gone: // on a connection that was open before
				x.reset()
				return
			}
			b.strike(x, words(answers.next(x.prompt, true)))
		},
	}
}

// strike sends what comes before the break, then breaks off.
func (b Break) strike(x *exchange, pieces []string) {
	if b.Then == Gone {
		x.w.Header().Set("Connection", "close")
	}
	for _, piece := range pieces[:max(0, min(b.After, len(pieces)))] {
		x.send(x.text(piece))
	}
	if b.After == 0 {
		x.send("") // the header alone
	}
	if b.Then == Gone {
		_ = x.server.server.Listener.Close() // closed once more at the end of the test, which is no fault
	}
	if b.Reached != nil {
		b.Reached()
	}
	switch b.How {
	case Closes:
		_ = x.hijack().Close()
	case Resets:
		x.reset()
	case Tears:
		b.tear(x, pieces)
	case Hangs:
		x.hang()
	case Errors:
		if b.After == BeforeHeader {
			x.json(500, x.d.refusal("the runner has stopped"))
			return
		}
		x.send(x.d.broken("the runner has stopped"))
	case Ends: // the handler returns
	}
}

// tear sends the first half of what comes next, and closes the connection.
func (b Break) tear(x *exchange, pieces []string) {
	if b.After == BeforeHeader {
		conn := x.hijack()
		_, _ = conn.Write([]byte("HTTP/1.1 2")) // a client that left is not the server's concern
		_ = conn.Close()
		return
	}
	next := x.finish(len(pieces))
	if b.After < len(pieces) {
		next = x.text(pieces[b.After])
	}
	x.send(next[:len(next)/2])
	_ = x.hijack().Close()
}
