package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// defaultPort is Ollama's (envconfig.Host in github.com/ollama/ollama).
const defaultPort = "11434"

// PrivateHost is the value of host that names the private server: no other is
// looked for.
const PrivateHost = "private"

// NormaliseHost turns what people write in OLLAMA_HOST ("127.0.0.1:11434",
// ":8080", "https://box/ollama") into a URL without a trailing slash. As in
// Ollama, a missing port is 11434, or the scheme's own if a scheme was given.
// An unspecified address ("0.0.0.0"), which says where a server listens, is
// taken as loopback.
func NormaliseHost(text string) (string, error) {
	s := strings.TrimSpace(text)
	if s == PrivateHost {
		return s, nil
	}
	scheme, rest, found := strings.Cut(s, "://")
	port := defaultPort
	switch {
	case !found:
		scheme, rest = "http", s
	case scheme == "http":
		port = "80"
	case scheme == "https":
		port = "443"
	default:
		return "", fmt.Errorf("host %q: the scheme is http or https", text)
	}
	hostport, path, _ := strings.Cut(rest, "/")
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("host %q: %s", text, err)
		}
	} else if p != "" {
		port = p
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("host %q: port %q is not between 1 and 65535", text, port)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	u, err := url.Parse(scheme + "://" + net.JoinHostPort(host, port) + "/" + path)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Hostname() != host {
		return "", fmt.Errorf("host %q is not an address such as http://127.0.0.1:11434", text)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
