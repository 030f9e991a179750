package session

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/bitactor/cf/fault"
)

// The alphabet of an ID: Crockford's base 32 (crockford.com/base32.html) in
// lower case. It is in ASCII order, so that IDs sort by time, and leaves out
// letters that read like digits.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// An ID is timeChars characters of time in seconds, good for 32^7 s (until the
// year 3058), then randomChars of chance.
const (
	timeChars   = 7
	randomChars = 4
	idChars     = timeChars + randomChars
)

// NewID returns an ID of 11 characters that sorts by now, with 20 random bits to
// keep sessions of one second apart.
func NewID(now time.Time) string {
	var id [idChars]byte
	seconds := uint64(max(now.Unix(), 0))
	for i := timeChars - 1; i >= 0; i-- {
		id[i] = alphabet[seconds%32]
		seconds /= 32
	}
	var chance [randomChars]byte
	_, _ = rand.Read(chance[:]) // never fails: crypto/rand ends the program instead
	for i, c := range chance {
		id[timeChars+i] = alphabet[c%32]
	}
	return string(id[:])
}

// ValidID tells whether id has the form of NewID's results. Nothing else ever
// becomes a path.
func ValidID(id string) bool { return len(id) == idChars && validPrefix(id) }

// validPrefix tells whether s may be the start of an ID.
func validPrefix(s string) bool {
	return s != "" && len(s) <= idChars && strings.Trim(s, alphabet) == ""
}

// badID is the refusal of a text that can't name a session.
func badID(id string) error {
	return fault.New(fault.Usage, "session-id", "%q is no session id", id).
		Hint("an id has 11 letters and digits, as cf session list shows; its first few are enough")
}
