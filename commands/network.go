package commands

import (
	"strings"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/commands/view"
)

// Contact is one host, or kind of host, that cf may connect to.
type Contact struct {
	Host string `json:"host"` // an address, or in words where another program's settings hold it
	When string `json:"when"`
	Why  string `json:"why"`
	Now  bool   `json:"now"` // with the present settings
}

// Network lists every host that cf may contact.
type Network struct {
	Contacts []Contact `json:"contacts"`
}

// Type names the event.
func (Network) Type() string { return "network" }

// PlainText renders the table.
func (n Network) PlainText(width int) string {
	rows := [][]string{{"HOST", "NOW", "WHEN", "WHY"}}
	for _, c := range n.Contacts {
		now := "no"
		if c.Now {
			now = "yes"
		}
		rows = append(rows, []string{c.Host, now, c.When, c.Why})
	}
	return view.Table(rows, width) + "\nNothing else is contacted, and no usage data is sent to anyone.\n"
}

// contacts is the one table of cf's connections. Whoever adds a connection adds
// its row here.
var contacts = []struct {
	host func(*config.Config, func(string) string) string // "" = does not apply
	when string
	why  string
	now  func(*config.Config, func(string) string) bool
}{
	{host: func(c *config.Config, _ func(string) string) string {
		switch url, private := hostOf(c); {
		case private:
			return "the private server on a loopback port"
		case url == "":
			return "http://127.0.0.1:11434, then the private server on a loopback port"
		}
		return c.Host
	}, when: "every verb that asks a model; status; completion of --model", why: "the model server", now: always},
	{
		host: fixed("the host of Ollama's release archives"),
		when: "cf setup, if no Ollama is found, after asking", why: "fetches Ollama, checked by its checksum", now: unlessOffline,
	},
	{
		host: fixed("the Go module proxy of `go env GOPROXY`"),
		when: "cf setup, if Ollama is built from source", why: "fetches Ollama's source, checked by its checksum", now: unlessOffline,
	},
	{
		host: fixed("the sources of apt"),
		when: "cf setup, if Ollama is built from source", why: "fetches header files", now: unlessOffline,
	},
	{
		host: fixed("the model registry of the Ollama server, contacted by that server"),
		when: "cf setup, if no model is installed", why: "pulls a model", now: unlessOffline,
	},
	{
		host: fixed("the index of pip"),
		when: "cf setup, if the model registry does not answer", why: "fetches the fallback model", now: unlessOffline,
	},
	{
		host: func(_ *config.Config, getenv func(string) string) string {
			for _, name := range otlpVariables {
				if v := getenv(name); v != "" {
					return v
				}
			}
			return "the address in OTEL_EXPORTER_OTLP_ENDPOINT"
		}, when: "model calls, if an OTEL_EXPORTER_OTLP_* address is set", why: "exports spans and metrics, never prompts or answers",
		now: func(_ *config.Config, getenv func(string) string) bool {
			for _, name := range otlpVariables {
				if getenv(name) != "" && !strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
					return true
				}
			}
			return false
		},
	},
}

// otlpVariables switch the export on
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
var otlpVariables = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}

func fixed(s string) func(*config.Config, func(string) string) string {
	return func(*config.Config, func(string) string) string { return s }
}

func always(*config.Config, func(string) string) bool { return true }

func unlessOffline(c *config.Config, _ func(string) string) bool { return !c.Offline }

// network fills the table in for these settings.
func network(c *config.Config, getenv func(string) string) Network {
	var n Network
	for _, row := range contacts {
		n.Contacts = append(n.Contacts, Contact{Host: row.host(c, getenv), When: row.when, Why: row.why, Now: row.now(c, getenv)})
	}
	return n
}
