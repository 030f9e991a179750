package deploytest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// imageMB is what the image may have with its base, in millions of bytes.
const imageMB = 300

const cookie = "a-cookie-of-length-for-this-test"

// image is a container of the image that was built, in a store of its own.
type image struct {
	t         *testing.T
	store     []string
	container string
}

func (i image) buildah(args ...string) string {
	i.t.Helper()
	out, err := run(i.t, ".", nil, "buildah", append(i.store, args...)...)
	if err != nil {
		i.t.Fatalf("buildah %s: %v\n%s", args[0], err, out[max(0, len(out)-20_000):])
	}
	return strings.TrimSpace(out)
}

// in returns the command that runs something in the container as its own user.
func (i image) in(environ []string, command ...string) *exec.Cmd {
	args := append(i.store, "run", "--isolation", "chroot", "--network", "host")
	for _, e := range environ {
		args = append(args, "--env", e)
	}
	return exec.CommandContext(i.t.Context(), "buildah", append(append(args, i.container, "--"), command...)...)
}

// built makes the base out of the distribution's packages, as no registry can be
// asked, and the image out of the base.
func built(t *testing.T) image {
	need(t, "mmdebstrap", "mmdebstrap")
	need(t, "buildah", "buildah")
	dir := t.TempDir()
	i := image{t: t, store: []string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"}}
	base := filepath.Join(dir, "base.tar")
	if out, err := run(t, dir, nil, "mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", base); err != nil {
		t.Fatalf("mmdebstrap: %v\n%s", err, out)
	}
	scratch := i.buildah("from", "scratch")
	i.buildah("add", "--quiet", scratch, base, "/")
	i.buildah("commit", "--quiet", "--rm", scratch, "base")
	context := whole(t).write(t)
	dockerfile := filepath.Join(context, "docker", "Dockerfile.bitactor")
	i.buildah("bud", "--quiet", "--isolation", "chroot", "--network", "host", "--format", "docker",
		"--ignorefile", dockerfile+".dockerignore", "--file", dockerfile,
		"--build-arg", "BASE_IMAGE=localhost/base", "--tag", "bitactor", context)
	i.container = i.buildah("from", "localhost/bitactor")
	return i
}

// TestImage builds the image from the Dockerfile, looks at what is in it, and runs
// it: it becomes ready, its health check passes, and SIGTERM ends it with status 0.
func TestImage(t *testing.T) {
	if !long(t) {
		return
	}
	i := built(t)
	i.size()
	i.content()
	i.serve()
}

func (i image) size() {
	text := i.buildah("images", "--format", "{{.Size}}", "localhost/bitactor")
	var size float64
	if _, err := fmt.Sscanf(text, "%f MB", &size); err != nil || size > imageMB {
		i.t.Errorf("the image has %q, more than %d MB (%v)", text, imageMB, err)
	}
	i.t.Logf("the image has %s", text)
}

func (i image) content() {
	for question, want := range map[string]string{
		"id -u; id -g": "10001\n10001\n",
		"(echo x >/opt/bitactor/x) 2>/dev/null || echo refused":      "refused\n",
		"find / -xdev -type f -perm /6000 2>/dev/null":               "",
		"find / -xdev -name COOKIE 2>/dev/null":                      "",
		"command -v gcc cc elixir mix git || echo none":              "none\n",
		"find /opt/bitactor ! -user root -print -quit":               "",
		"ls -d /opt/bitactor/lib/ra-* >/dev/null && echo replicated": "replicated\n",
		"echo x >/var/lib/bitactor/x && echo written":                "written\n",
		// A missing secret ends it before anything starts, and is named.
		"/opt/bitactor/bin/bitactor start 2>&1 | grep -o 'BITACTOR_COOKIE' | uniq": "BITACTOR_COOKIE\n",
	} {
		out, err := i.in(nil, "/bin/sh", "-c", question).Output()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			i.t.Fatal(err)
		}
		if string(out) != want {
			i.t.Errorf("%s: %q, want %q", question, out, want)
		}
	}
}

func (i image) serve() {
	t := i.t
	port := free(t)
	environ := []string{
		"BITACTOR_COOKIE=" + cookie,
		"BITACTOR_HTTP_PORT=" + port, "BITACTOR_DIST_PORT=" + free(t),
	}
	var log bytes.Buffer
	server := i.in(environ, "/opt/bitactor/bin/bitactor", "start")
	server.Stdout, server.Stderr = &log, &log
	must(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	if !ready("http://127.0.0.1:"+port+"/readyz", 60*time.Second) {
		_ = server.Process.Kill()
		<-ended
		t.Fatalf("never ready:\n%s", log.String())
	}
	for question, want := range map[string]string{
		"BitActor.Consensus.status().mode": "ra",
		"BitActor.nif()":                   "loaded",
	} {
		out, err := i.in(environ, "/opt/bitactor/bin/bitactor", "rpc", "IO.write("+question+")").Output()
		if err != nil || string(out) != want {
			t.Errorf("%s is %q, want %q (%v)", question, out, want, err)
		}
	}
	// What HEALTHCHECK asks; its answer is also whom to send the signal to.
	out, err := i.in(environ, "/opt/bitactor/bin/bitactor", "pid").Output()
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGTERM))
	select {
	case err := <-ended:
		if err != nil || !strings.Contains(log.String(), "drained in ") {
			t.Errorf("ended with %v, not drained with status 0:\n%s", err, log.String())
		}
	case <-time.After(45 * time.Second):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-ended
		t.Errorf("SIGTERM did not end it within the grace period:\n%s", log.String())
	}
	if strings.Contains(log.String(), cookie) {
		t.Error("the cookie is in the log")
	}
}

func ready(url string, within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		answer, err := http.Get(url)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return true
		}
	}
	return false
}

// free returns a port that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
