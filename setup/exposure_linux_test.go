package setup

import (
	"net"
	"testing"
)

// TestExposure: a server that listens on every address is told apart from one on
// loopback, though both are reached over loopback.
func TestExposure(t *testing.T) {
	for address, exposed := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true, "[::]:0": true} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // no IPv6 here
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if text := (Server{URL: "http://127.0.0.1:" + port}).Exposure(); (text != "") != exposed {
			t.Errorf("%s: warning %q", address, text)
		}
		l.Close()
	}
}
