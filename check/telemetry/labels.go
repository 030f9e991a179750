package telemetry

import (
	"slices"
	"strings"

	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/lazyregexp"
)

// unboundedLabels have as many values as there are users, requests or things
// (Prometheus' documentation, "Metric and label naming": high cardinality).
var unboundedLabels = []string{
	"user_id", "userid", "user_email", "email", "uuid", "guid", "session_id", "request_id", "trace_id", "span_id", "correlation_id", "transaction_id", "order_id",
	"account_id", "customer_id", "actor_id", "message_id", "job_id", "client_ip", "remote_addr", "ip_address", "timestamp", "stacktrace", "error_message",
	"pid", "user_agent",
}

// requestLabels have as many values as those who ask like, where a metric counts what
// they ask for: what was matched (a route, a handler) is the label to take. The value may
// be just that under such a name, so that it is a note; so it is of an address, which
// the configuration of a client may give.
var (
	requestLabels = []string{"path", "query"}
	addressLabels = []string{"url", "uri"}
	ofRequests    = lazyregexp.New(`(?:^|_)(?:https?|requests?|responses?|api|visits?)(?:_|$)`)
)

// Systems that serve tenants measure each of them on purpose, as many as the operator
// lets in. Where a description says so, its label is such a dimension, in all of its file;
// so is one of tenantMetrics metrics in tenantFiles files.
var (
	tenantLabels  = []string{"user_id", "userid", "account_id", "customer_id"}
	tenantNames   = []string{"user", "tenant", "tenant_id", "org", "org_id", "account", "customer"}
	tenantHelp    = lazyregexp.New(`(?i)\b(?:per|(?:for )?each|by)[ -](?:user|tenant|account|customer|org)`)
	tenantMetrics = 5
	tenantFiles   = 3
)

// dimensions are the labels that a tree has chosen: by file and label, and by the label
// alone where it is one of the whole tree.
func (j *judge) dimensions() map[string]bool {
	out, metrics, files := map[string]bool{}, map[string]int{}, map[string]map[string]bool{}
	for _, e := range j.facts.emitted {
		if e.kind != metric || e.test || slices.ContainsFunc(e.labels, func(l string) bool { return slices.Contains(tenantNames, l) }) {
			continue
		}
		for _, l := range e.labels {
			if !slices.Contains(tenantLabels, l) {
				continue
			}
			if tenantHelp.MatchString(e.help) {
				out[e.file+" "+l] = true
			}
			if files[l] == nil {
				files[l] = map[string]bool{}
			}
			files[l][e.file] = true
			if metrics[l]++; metrics[l] >= tenantMetrics && len(files[l]) >= tenantFiles {
				out[l] = true
			}
		}
	}
	return out
}

// bounds judges the labels of a metric; chosen are the tree's dimensions.
func (j *judge) bounds(e emission, chosen map[string]bool) {
	if strings.HasSuffix(e.name, "_info") {
		return // its labels are what is said of one thing: its identity is one of them
	}
	for _, l := range e.labels {
		switch {
		case slices.Contains(addressLabels, l) || slices.Contains(requestLabels, l) && ofRequests.MatchString(e.name):
			j.add(e.place, check.Note, codeLabel, "the label %s of %s has a bound only if its value is what was matched or configured, not what was asked for", l, e.name)
		case !slices.Contains(unboundedLabels, l):
		case chosen[l] || chosen[e.file+" "+l]:
			j.add(e.place, check.Note, codeLabel, "the label %s of %s has as many values as there are tenants, which its authors seem to want", l, e.name)
		default:
			j.add(e.place, check.Warning, codeLabel, "the label %s of %s has no bound: each value is a time series of its own", l, e.name)
		}
	}
}
