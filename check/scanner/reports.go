package scanner

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/bitactor/cf/check"
)

// sarif returns a reader of SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0) as
// the tool called name writes it: a run of that tool must be in it.
func sarif(name string) func([]byte) ([]check.Diagnostic, error) {
	return func(report []byte) ([]check.Diagnostic, error) {
		var log struct{ Runs []sarifRun }
		if err := json.Unmarshal(report, &log); err != nil {
			return nil, fmt.Errorf("no SARIF: %w", err)
		}
		var out []check.Diagnostic
		ran := false
		for _, r := range log.Runs {
			if !strings.HasPrefix(strings.ToLower(r.Tool.Driver.Name), name) {
				continue
			}
			ran = true
			for _, i := range r.Invocations {
				if i.Successful != nil && !*i.Successful {
					return nil, fmt.Errorf("%s says that it did not end well", r.Tool.Driver.Name)
				}
			}
			out = append(out, r.diagnostics()...)
		}
		if !ran {
			return nil, fmt.Errorf("no run of %s in it", name)
		}
		return out, nil
	}
}

type sarifRun struct {
	Tool struct {
		Driver struct {
			Name  string
			Rules []struct {
				ID      string
				Default struct{ Level string } `json:"defaultConfiguration"`
			}
		}
	}
	Invocations []struct {
		Successful *bool `json:"executionSuccessful"`
	}
	Results []struct {
		RuleID       string
		Level        string
		Message      struct{ Text string }
		Suppressions []any
		Locations    []struct {
			Physical struct {
				Artifact struct{ URI string } `json:"artifactLocation"`
				Region   struct {
					Line   int `json:"startLine"`
					Column int `json:"startColumn"`
				}
			} `json:"physicalLocation"`
		}
	}
}

func (r sarifRun) diagnostics() []check.Diagnostic {
	levels := map[string]string{}
	for _, rule := range r.Tool.Driver.Rules {
		levels[rule.ID] = rule.Default.Level
	}
	var out []check.Diagnostic
	for _, found := range r.Results {
		if len(found.Suppressions) > 0 || len(found.Locations) == 0 {
			continue
		}
		at := found.Locations[0].Physical
		level := found.Level
		if level == "" {
			level = levels[found.RuleID]
		}
		out = append(out, check.Diagnostic{
			File: fileOf(at.Artifact.URI), Line: at.Region.Line, Column: at.Region.Column,
			Severity: severity(level), Code: found.RuleID, Message: found.Message.Text,
		})
	}
	return out
}

// severity is that of a SARIF level; where none is named it is "warning" (3.27.10).
func severity(level string) check.Severity {
	switch level {
	case "error":
		return check.Error
	case "note", "none":
		return check.Note
	}
	return check.Warning
}

// fileOf is the path in a URI, absolute or relative.
func fileOf(uri string) string {
	if u, err := url.Parse(uri); err == nil && u.Path != "" {
		return u.Path
	}
	return uri
}

// bandit reads what bandit -f json writes. Files that it could not parse make the
// report one that does not count.
func bandit(report []byte) ([]check.Diagnostic, error) {
	var r struct {
		Errors  []struct{ Filename, Reason string }
		Metrics map[string]any
		Results []struct {
			Filename string `json:"filename"`
			Line     int    `json:"line_number"`
			Column   int    `json:"col_offset"`
			Text     string `json:"issue_text"`
			Severity string `json:"issue_severity"`
			ID       string `json:"test_id"`
		}
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, fmt.Errorf("no JSON of bandit: %w", err)
	}
	if len(r.Errors) > 0 {
		return nil, fmt.Errorf("%s: %s", r.Errors[0].Filename, r.Errors[0].Reason)
	}
	if len(r.Metrics) == 0 {
		return nil, fmt.Errorf("it has no metrics: nothing was looked at")
	}
	var out []check.Diagnostic
	for _, f := range r.Results {
		s := map[string]check.Severity{"HIGH": check.Error, "MEDIUM": check.Warning}[f.Severity]
		if s == "" {
			s = check.Note
		}
		out = append(out, check.Diagnostic{File: f.Filename, Line: f.Line, Column: f.Column + 1, Severity: s, Code: f.ID, Message: f.Text})
	}
	return out, nil
}

// npmAudit reads what npm audit --json writes (docs.npmjs.com, "npm audit", report
// version 2): the advisories by package. They are shown at the lock file.
func npmAudit(report []byte) ([]check.Diagnostic, error) {
	var r struct {
		Version int `json:"auditReportVersion"`
		Found   map[string]struct {
			Name, Severity, Range string
			Via                   []json.RawMessage
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, fmt.Errorf("no JSON of npm audit: %w", err)
	}
	if r.Version != 2 {
		return nil, fmt.Errorf("report version %d, want 2", r.Version)
	}
	var out []check.Diagnostic
	for _, v := range r.Found {
		for _, raw := range v.Via {
			var why struct{ Title, URL, Severity, Range string }
			if json.Unmarshal(raw, &why) != nil || why.Title == "" {
				continue // the name of another package, which is listed itself
			}
			level := check.Warning
			if why.Severity == "high" || why.Severity == "critical" {
				level = check.Error
			}
			out = append(out, check.Diagnostic{
				File: "package-lock.json", Line: 1, Severity: level, Code: path.Base(why.URL),
				Message: fmt.Sprintf("%s %s: %s (%s)", v.Name, why.Range, why.Title, why.Severity),
			})
		}
	}
	return out, nil
}

// checkov reads what checkov -o json writes: one report for each kind of file, in a
// list where there are several.
func checkov(report []byte) ([]check.Diagnostic, error) {
	type part struct {
		Results *struct {
			Failed []struct {
				ID       string `json:"check_id"`
				Name     string `json:"check_name"`
				File     string `json:"file_path"`
				Lines    []int  `json:"file_line_range"`
				Resource string `json:"resource"`
			} `json:"failed_checks"`
			Broken []string `json:"parsing_errors"`
		} `json:"results"`
	}
	var parts []part
	if json.Unmarshal(report, &parts) != nil {
		parts = make([]part, 1)
		if err := json.Unmarshal(report, &parts[0]); err != nil {
			return nil, fmt.Errorf("no JSON of checkov: %w", err)
		}
	}
	var out []check.Diagnostic
	for _, p := range parts {
		if p.Results == nil {
			return nil, fmt.Errorf("it has no results: nothing was looked at")
		}
		if len(p.Results.Broken) > 0 {
			return nil, fmt.Errorf("it can't read %s", p.Results.Broken[0])
		}
		for _, f := range p.Results.Failed {
			line := 0
			if len(f.Lines) > 0 {
				line = f.Lines[0]
			}
			out = append(out, check.Diagnostic{
				File: strings.TrimPrefix(f.File, "/"), Line: line, Severity: check.Warning, Code: f.ID, Message: f.Resource + ": " + f.Name,
			})
		}
	}
	return out, nil
}
