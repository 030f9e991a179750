package commands_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bitactor/cf/commands"
	"github.com/bitactor/cf/llm/llmtest"
	"golang.org/x/sys/unix"
)

// The verbs are run inside a network namespace whose default route leads into a
// cable that nobody answers on, while every frame on every interface is watched.
// The only connection that may be opened is the one to the model server.

const insideNamespace = "CF_TEST_INSIDE_NAMESPACE"

func TestModelWorkContactsOnlyTheModelHost(t *testing.T) {
	if os.Getenv(insideNamespace) != "" {
		t.Skip("this is the outer half")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		if os.Getenv("CF_TEST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip("the package iproute2 is not installed")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestInsideNamespace$", "-test.v")
	cmd.Env = append(os.Environ(), insideNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestInsideNamespace") {
		t.Fatalf("the inner half did not run:\n%s", out)
	}
}

func TestInsideNamespace(t *testing.T) {
	if os.Getenv(insideNamespace) == "" {
		t.Skip("run by TestModelWorkContactsOnlyTheModelHost")
	}
	layCables(t)
	watch := watchFrames(t)

	// The watch must see what it is there to find.
	dial := net.Dialer{Timeout: 100 * time.Millisecond}
	if c, err := dial.Dial("tcp", "198.51.100.7:443"); err == nil {
		c.Close()
	}
	if seen := watch.take(); !seen["out0 198.51.100.7:443"] {
		t.Fatalf("the watch is blind: it saw %v", seen)
	}

	server := llmtest.NewFaultServer(t, llmtest.Sound())
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for name, value := range map[string]string{
		"HOME": dir, "OLLAMA_HOST": server.URL, "CF_MODEL": llmtest.FaultModel, "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "",
		"XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "HTTP_PROXY": "http://198.51.100.8:3128", "HTTPS_PROXY": "http://198.51.100.8:3128",
		"ALL_PROXY": "http://198.51.100.8:3128",
	} {
		t.Setenv(name, value)
	}
	for _, args := range [][]string{
		{"ultrathink", "design a job queue", "--no-tui"},
		{"ultrathink", "--continue", "what fails first?", "--no-tui"},
		{"ultrathink", "design a job queue", "--show-prompt"},
		{"ask", "what is a supervisor?"},
		{"status"},
		{"status", "--network"},
		{"session", "list"},
		{"prompt", "list"},
		{"config", "list"},
		{"version"},
		{"--help"},
	} {
		code := commands.Main(args, strings.NewReader(""), io.Discard, os.Stderr)
		for to := range watch.take() {
			if to != "lo "+address.Host {
				t.Errorf("cf %s (exit %d) contacted %s", strings.Join(args, " "), code, to)
			}
		}
		if code != 0 {
			t.Errorf("cf %s: exit code %d", strings.Join(args, " "), code)
		}
	}
	if server.Calls() == 0 {
		t.Error("no verb asked the model: the test proves nothing")
	}
	deadHost(t, dir)
}

// deadHost asks status about a host whose packets nobody answers.
func deadHost(t *testing.T, home string) {
	t.Helper()
	file := filepath.Join(home, ".config", "cf", "config.toml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("allow_remote_hosts = true\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	code := commands.Main([]string{"status", "--host", "198.51.100.7:11434"}, strings.NewReader(""), io.Discard, io.Discard)
	if took := time.Since(begin); code != 10 || took > 2200*time.Millisecond {
		t.Errorf("status of a dead host: exit code %d after %s", code, took)
	}
}

// layCables brings up loopback and a default route that nobody answers on.
func layCables(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"link set lo up",
		"link add out0 type veth peer name sink0",
		"addr add 192.0.2.1/24 dev out0",
		"link set out0 up",
		"link set sink0 up",
		"neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev out0",
		"route add default via 192.0.2.2",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
}

// frames collects where packets went: "interface address:port".
type frames struct {
	mu   sync.Mutex
	seen map[string]bool
	mark chan struct{} // gets one value for each marker frame
	fd   int
}

// watchFrames listens on every interface. TCP counts by its first packet, UDP
// and everything else over IPv4 by each.
func watchFrames(t *testing.T) *frames {
	t.Helper()
	const everything = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00 // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, everything)
	if err != nil {
		t.Fatal(err)
	}
	w := &frames{seen: map[string]bool{}, mark: make(chan struct{}, 16), fd: fd}
	names := map[int]string{}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		names[i.Index] = i.Name
	}
	go func() {
		buffer := make([]byte, 65536)
		for {
			n, from, err := unix.Recvfrom(fd, buffer, 0)
			if err != nil {
				return
			}
			link, ok := from.(*unix.SockaddrLinklayer)
			if !ok || link.Pkttype != unix.PACKET_OUTGOING { // each packet once
				continue
			}
			w.note(names[link.Ifindex], buffer[:n])
		}
	}()
	t.Cleanup(func() { unix.Close(fd) })
	return w
}

// markerPort is where take sends a packet to know that all before it was seen.
const markerPort = 9

func (w *frames) note(iface string, packet []byte) {
	header, protocol, to, ok := network(packet)
	if !ok || len(packet) < header+14 && protocol == unix.IPPROTO_TCP || len(packet) < header+4 {
		return
	}
	port := int(binary.BigEndian.Uint16(packet[header+2:]))
	switch protocol {
	case unix.IPPROTO_TCP:
		const syn, ack = 2, 16
		if packet[header+13]&(syn|ack) != syn {
			return
		}
	case unix.IPPROTO_UDP:
		if port == markerPort && iface == "lo" {
			w.mark <- struct{}{}
			return
		}
	default:
		return // the kernel's own: ICMP, neighbour discovery
	}
	w.mu.Lock()
	w.seen[fmt.Sprintf("%s %s", iface, net.JoinHostPort(to, strconv.Itoa(port)))] = true
	w.mu.Unlock()
}

// network reads the header of IPv4 or IPv6: its length, what it carries, and
// whereto.
func network(packet []byte) (header int, protocol byte, to string, ok bool) {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return int(packet[0]&15) * 4, packet[9], net.IP(packet[16:20]).String(), true
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return 40, packet[6], net.IP(packet[24:40]).String(), true
	}
	return 0, 0, "", false
}

// take returns what was seen since the last take.
func (w *frames) take() map[string]bool {
	if c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", markerPort)); err == nil {
		fmt.Fprint(c, "mark")
		<-w.mark
		c.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = map[string]bool{}
	return seen
}
