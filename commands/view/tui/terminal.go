package tui

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// writer is where frames and single sequences go. Single sequences are written
// by the screen's own goroutine, never by a command: one that is late would
// reach a terminal that was already given back.
type writer interface{ io.Writer }

// lockedFile writes whole buffers, so that a sequence of ours never lands inside
// a frame. It is a file, by which bubbletea finds the screen's size.
type lockedFile struct {
	*os.File
	mu sync.Mutex
}

func (f *lockedFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.File.Write(p)
}

// WriteString shadows the file's own, which takes no lock.
func (f *lockedFile) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// lockedWriter is lockedFile for what is no file.
type lockedWriter struct {
	io.Writer
	mu sync.Mutex
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Writer.Write(p)
}

// askBackground asks the terminal for its background colour (XTerm control
// sequences, OSC 11). Nothing waits for the answer: it comes through the input,
// where answerFilter takes it out, and a terminal that never answers costs
// nothing but the guess.
func (m *model) askBackground() {
	if m.opt.asksBackground() {
		_, _ = io.WriteString(m.out, "\x1b]11;?\x1b\\")
	}
}

// asksBackground tells whether the terminal is known to take the question
// without printing it.
func (o *Options) asksBackground() bool {
	term := o.Getenv("TERM")
	if o.Getenv("NO_COLOR") != "" || term == "linux" || strings.HasPrefix(term, "vt") {
		return false
	}
	return !strings.HasPrefix(term, "screen") || o.Getenv("TMUX") != ""
}

// darkGuess is the background until the terminal answers: what COLORFGBG says
// ("15;0": the last number is the background; 7 and 9 to 15 are light), else dark.
func darkGuess(getenv func(string) string) bool {
	v := getenv("COLORFGBG")
	n, err := strconv.Atoi(v[strings.LastIndexByte(v, ';')+1:])
	return err != nil || n < 7 || n == 8
}

// answerFilter takes the answer to askBackground out of the input, whenever it
// comes, so that it is never taken for keys. Read is for one goroutine.
type answerFilter struct {
	io.Reader
	tell func(dark bool)
	held []byte // the begin of what may be an answer
	done atomic.Bool
}

var answerBegin = []byte("\x1b]11;")

// answerMax bounds what is held back: the longest answer is rgba with 4 digits.
const answerMax = 64

func (f *answerFilter) Read(p []byte) (int, error) {
	room := max(1, len(p)-len(f.held)) // what was held back must fit too
	n, err := f.Reader.Read(p[:room])
	if f.done.Load() || n == 0 {
		return n, err
	}
	data := append(f.held, p[:n]...)
	f.held = nil
	return copy(p, f.filter(data)), err
}

// filter removes a whole answer from data and holds back the begin of one.
func (f *answerFilter) filter(data []byte) []byte {
	at := bytes.Index(data, answerBegin)
	if at < 0 {
		if bytes.HasSuffix(data, answerBegin[:4]) || bytes.HasSuffix(data, answerBegin[:3]) || bytes.HasSuffix(data, answerBegin[:2]) {
			at = bytes.LastIndexByte(data, 0x1b)
			f.held = bytes.Clone(data[at:])
			return data[:at]
		}
		return data
	}
	rest := data[at+len(answerBegin):]
	end, size := bytes.IndexByte(rest, 0x07), 1
	if st := bytes.Index(rest, []byte("\x1b\\")); end < 0 || st >= 0 && st < end {
		end, size = st, 2
	}
	if end < 0 {
		if len(rest) > answerMax { // no answer after all
			f.done.Store(true)
			return data
		}
		f.held = bytes.Clone(data[at:])
		return data[:at]
	}
	f.done.Store(true)
	if dark, ok := isDark(string(rest[:end])); ok {
		f.tell(dark)
	}
	return append(bytes.Clone(data[:at]), rest[end+size:]...)
}

// isDark reads "rgb:RRRR/GGGG/BBBB", with 1 to 4 digits each, and tells whether
// the colour is darker than a middle grey by the weights of ITU-R BT.601.
func isDark(colour string) (dark, ok bool) {
	_, digits, found := strings.Cut(colour, ":")
	parts := strings.Split(digits, "/")
	if !found || len(parts) < 3 {
		return false, false
	}
	luma := 0.0
	for i, weight := range []float64{0.299, 0.587, 0.114} {
		v, err := strconv.ParseUint(parts[i], 16, 16)
		if err != nil {
			return false, false
		}
		most := uint64(1)<<(4*len(parts[i])) - 1
		luma += weight * float64(v) / float64(most)
	}
	return luma < 0.5, true
}

// filterFile is answerFilter over a file, by which bubbletea puts the terminal
// into raw mode and can stop reading.
type filterFile struct {
	*os.File
	filter *answerFilter
}

func (f *filterFile) Read(p []byte) (int, error) { return f.filter.Read(p) }
