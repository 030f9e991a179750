package view

import "io"

// NewWriter returns a writer that makes control characters visible, line by
// line complete: what a write leaves open is shown at once.
func NewWriter(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

// Write reports len(p) on success, as io.Writer asks.
func (s writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.w, Sanitize(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
