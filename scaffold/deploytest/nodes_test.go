package deploytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// system is a cluster of releases on this machine, each node at a loopback address
// of its own, with distribution over TLS.
type system struct {
	t       *testing.T
	dir     string
	project string
	ra      string // the folder for ERL_LIBS
	tls     string
	dist    int // the port of distribution, the same at every address
}

// node is one running release.
type node struct {
	t       *testing.T
	name    string
	role    string
	place   int // the last part of its address
	url     string
	program string
	environ []string
	cmd     *exec.Cmd
	log     *bytes.Buffer
	exited  chan struct{} // closed at its end
	status  error         // of its end, nil: 0
}

func newSystem(t *testing.T) *system {
	t.Helper()
	need(t, "mix", "elixir")
	out, err := exec.CommandContext(t.Context(), "../../tools/ra.sh").Output()
	must(t, err)
	s := &system{t: t, dir: t.TempDir(), project: whole(t).write(t), ra: strings.TrimSpace(string(out)), dist: freePort(t)}
	s.tls = filepath.Join(s.dir, "tls")
	must(t, os.MkdirAll(s.tls, 0o755))
	certify(t, s.tls, 7)
	return s
}

// start starts a node and does not wait for it. One that was at the place before
// leaves it its data.
func (s *system) start(program, role string, place int) *node {
	s.t.Helper()
	data, tmp := filepath.Join(s.dir, fmt.Sprintf("data-%d", place)), filepath.Join(s.dir, fmt.Sprintf("tmp-%d", place))
	must(s.t, os.MkdirAll(data, 0o755))
	must(s.t, os.MkdirAll(tmp, 0o755))
	port := freePort(s.t)
	n := &node{
		t: s.t, name: fmt.Sprintf("bitactor@127.0.0.%d", place), role: role, place: place, program: program,
		url: fmt.Sprintf("http://127.0.0.1:%d", port), log: &bytes.Buffer{}, exited: make(chan struct{}),
	}
	n.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + tmp, "LANG=C.UTF-8", "RELEASE_TMP=" + tmp,
		"BITACTOR_NODE=" + n.name, "BITACTOR_ROLE=" + role, "BITACTOR_COOKIE=" + cookie,
		"BITACTOR_VOTERS=bitactor@127.0.0.1,bitactor@127.0.0.2,bitactor@127.0.0.3",
		"BITACTOR_TLS_DIR=" + s.tls, "BITACTOR_DATA_DIR=" + data, "BITACTOR_WORKER_DURABILITY=disk",
		fmt.Sprintf("BITACTOR_DIST_PORT=%d", s.dist), fmt.Sprintf("BITACTOR_HTTP_PORT=%d", port),
	}
	n.cmd = exec.Command(program, "start")
	n.cmd.Env, n.cmd.Dir, n.cmd.Stdout, n.cmd.Stderr = n.environ, tmp, n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(s.t, n.cmd.Start())
	go func() {
		defer close(n.exited)
		n.status = n.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL)
		<-n.exited // its folder goes next
	})
	return n
}

// ready waits until each node says so.
func (s *system) ready(nodes ...*node) {
	s.t.Helper()
	client := &http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	for _, n := range nodes {
		deadline := time.Now().Add(60 * time.Second)
		for !answers200(client, n.url+"/readyz") {
			select {
			case <-n.exited:
				s.t.Fatalf("%s ended: %v\n%s", n.name, n.status, n.log)
			case <-time.After(50 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				s.t.Fatalf("%s is not ready", n.name)
			}
		}
	}
}

func answers200(client *http.Client, url string) bool {
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// pass lets the load go on for a while.
func (s *system) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

// rpc evaluates an expression at the node and returns what it printed.
func (n *node) rpc(expression string) string {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), n.program, "rpc", expression)
	cmd.Env = n.environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: rpc %s: %v\n%s", n.name, expression, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (n *node) signal(sig syscall.Signal) {
	n.t.Helper()
	must(n.t, n.cmd.Process.Signal(sig))
}

// terminate drains and ends the node.
func (n *node) terminate() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	n.ended()
}

// ended waits for the end of a node that was told to, which has status 0.
func (n *node) ended() {
	n.t.Helper()
	select {
	case <-n.exited:
		if n.status != nil {
			n.t.Errorf("%s: %v\n%s", n.name, n.status, n.log)
		}
	case <-time.After(60 * time.Second):
		n.t.Fatalf("%s did not end", n.name)
	}
}

// certify writes ca.crt, tls.crt and tls.key: one certificate for the nodes at
// 127.0.0.1 to 127.0.0.n. OTP compares the host part of a node's name, as text, with
// the DNS names alone.
func certify(t *testing.T, dir string, n int) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bitactor-ca"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "bitactor"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for i := range n {
		leaf.DNSNames = append(leaf.DNSNames, fmt.Sprintf("127.0.0.%d", i+1))
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	caDER, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for name, block := range map[string]*pem.Block{
		"ca.crt":  {Type: "CERTIFICATE", Bytes: caDER},
		"tls.crt": {Type: "CERTIFICATE", Bytes: der},
		"tls.key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
}

// freePort is a port that nobody listens at, at any address of this machine.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
