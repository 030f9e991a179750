package secret

import (
	"regexp"
	"strings"
)

// rule finds one known format of a credential.
type rule struct {
	kind    string
	words   []string // one must be in the text, else the pattern is not tried
	pattern *regexp.Regexp
	except  func(string) bool // tells that a match is no secret
}

// compile returns the known formats. Kinds and patterns are after the rules of
// the same id in gitleaks v8.30.1 (config/gitleaks.toml, MIT licence,
// https://github.com/gitleaks/gitleaks), shortened; "url-password",
// "authorization" and "npmrc-auth" are ours. Kinds may be added, never renamed.
func compile() []rule {
	table := []struct {
		kind, words, pattern string
		except               func(string) bool
	}{
		{"aws-access-token", "AKIA ASIA ABIA ACCA", `\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b`, awsExample},
		{"github-pat", "ghp_", `\bghp_[0-9a-zA-Z]{36}`, nil},
		{"github-fine-grained-pat", "github_pat_", `\bgithub_pat_\w{82}`, nil},
		{"github-oauth", "gho_", `\bgho_[0-9a-zA-Z]{36}`, nil},
		{"github-app-token", "ghu_ ghs_", `\b(?:ghu|ghs)_[0-9a-zA-Z]{36}`, nil},
		{"github-refresh-token", "ghr_", `\bghr_[0-9a-zA-Z]{36}`, nil},
		{"gitlab-pat", "glpat-", `\bglpat-[\w-]{20,}`, nil},
		{"gitlab-ci-token", "glcbt- glptt- gldt- glrt-", `\bgl(?:cbt|ptt|dt|rt)-[\w-]{20,}`, nil},
		{"slack-bot-token", "xoxb-", `\bxoxb-[0-9]{8,14}-[0-9a-zA-Z-]{18,}`, nil},
		{"slack-user-token", "xoxp- xoxe-", `\bxox[pe](?:-[0-9]{10,13}){3}-[a-zA-Z0-9-]{28,34}`, nil},
		{"slack-app-token", "xapp-", `\bxapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+`, nil},
		{"slack-webhook-url", "hooks.slack.com/", `hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{43,56})`, nil},
		{"anthropic-api-key", "sk-ant-", `\bsk-ant-[a-zA-Z0-9]{4,8}-[a-zA-Z0-9_\-]{80,}`, nil},
		{"openai-api-key", "sk-", `\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|[a-zA-Z0-9]{20}T3BlbkFJ[a-zA-Z0-9]{20})`, nil},
		{"gcp-api-key", "AIza", `\bAIza[\w-]{35}`, nil},
		{"huggingface-access-token", "hf_", `\bhf_[a-zA-Z]{34}\b`, nil},
		{"stripe-access-token", "sk_ rk_", `\b(?:sk|rk)_(?:test|live|prod)_[a-zA-Z0-9]{10,99}`, nil},
		{"npm-access-token", "npm_", `\bnpm_[a-zA-Z0-9]{36}\b`, nil},
		{"npmrc-auth", "_authToken _auth _password", `(?m)\b_(?:authToken|auth|password)[ \t]*=[ \t]*([^\s"'$\[]\S{7,})`, nil},
		{"pypi-upload-token", "pypi-AgEI", `\bpypi-AgEI[\w-]{50,1000}`, nil},
		{"rubygems-api-token", "rubygems_", `\brubygems_[a-f0-9]{48}\b`, nil},
		{"sendgrid-api-token", "SG.", `\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}`, nil},
		{"shopify-access-token", "shpat_ shpca_ shppa_ shpss_", `\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`, nil},
		{"square-access-token", "sq0atp-", `\bsq0atp-[\w-]{22,60}`, nil},
		{"digitalocean-pat", "dop_v1_ doo_v1_", `\bdo[op]_v1_[a-f0-9]{64}`, nil},
		{"databricks-api-token", "dapi", `\bdapi[a-f0-9]{32}(?:-\d)?\b`, nil},
		{"doppler-api-token", "dp.pt.", `\bdp\.pt\.[a-zA-Z0-9]{43}`, nil},
		{"grafana-service-account-token", "glsa_", `\bglsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}`, nil},
		{"grafana-cloud-api-token", "glc_", `\bglc_[A-Za-z0-9+/]{32,400}={0,3}`, nil},
		{"hashicorp-tf-api-token", ".atlasv1.", `\b[a-zA-Z0-9]{14}\.atlasv1\.[a-zA-Z0-9\-_=]{60,70}`, nil},
		{"vault-service-token", "hvs.", `\bhvs\.[\w-]{90,120}`, nil},
		{"linear-api-key", "lin_api_", `\blin_api_[a-zA-Z0-9]{40}`, nil},
		{"new-relic-user-api-key", "NRAK-", `\bNRAK-[A-Z0-9]{27}`, nil},
		{"planetscale-api-token", "pscale_tkn_", `\bpscale_tkn_[\w=.-]{32,64}`, nil},
		{"postman-api-token", "PMAK-", `\bPMAK-[a-fA-F0-9]{24}-[a-fA-F0-9]{34}`, nil},
		{"pulumi-api-token", "pul-", `\bpul-[a-f0-9]{40}\b`, nil},
		{"perplexity-api-key", "pplx-", `\bpplx-[a-zA-Z0-9]{48}`, nil},
		{"twilio-api-key", "SK", `\bSK[0-9a-f]{32}\b`, nil},
		{"atlassian-api-token", "ATATT3", `\bATATT3[A-Za-z0-9_\-=]{186}`, nil},
		{"age-secret-key", "AGE-SECRET-KEY-1", `AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}`, nil},
		{"1password-service-account-token", "ops_eyJ", `\bops_eyJ[a-zA-Z0-9+/]{250,}={0,3}`, nil},
		{"telegram-bot-api-token", ":A", `\b[0-9]{8,10}:AA[a-zA-Z0-9_-]{33}\b`, nil},
		{"jwt", "eyJ", `\beyJ[a-zA-Z0-9_-]{15,}\.eyJ[a-zA-Z0-9_-]{15,}\.[a-zA-Z0-9_-]{10,}={0,2}`, nil},
		{
			"authorization", "Bearer Basic bearer basic",
			`(?i)\bauthorization["']?\s*[:=,]\s*\\?["'` + "`" + `]?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/-]{16,}={0,2})`, placeholder,
		},
		{"url-password", "://", `[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"'<>\[\]{}$]{0,64}:([^\s:/@"'<>\[\]{}$]{3,128})@[\w\[]`, placeholder},
	}
	rules := make([]rule, len(table))
	for i, t := range table {
		rules[i] = rule{kind: t.kind, words: strings.Fields(t.words), pattern: regexp.MustCompile(t.pattern), except: t.except}
	}
	return rules
}

// awsExample tells AWS's own documented example keys, which end in EXAMPLE.
func awsExample(value string) bool { return strings.HasSuffix(value, "EXAMPLE") }

const (
	keyBegin    = "-----BEGIN "
	keyBytesMax = 32 << 10 // of one armoured private key
)

// redactKeys replaces armoured private keys (RFC 7468, PGP), whole or broken
// off, raw or inside a quoted string with \n. A lone header, as in the code
// that parses keys, stays.
func redactKeys(text string, counts map[string]int) string {
	var out strings.Builder
	rest := text
	for {
		begin := strings.Index(rest, keyBegin)
		if begin < 0 {
			break
		}
		end := begin + keyLength(rest[begin:])
		if end == begin {
			end = begin + len(keyBegin)
			out.WriteString(rest[:end])
		} else {
			out.WriteString(rest[:begin])
			out.WriteString(mark("private-key"))
			counts["private-key"]++
		}
		rest = rest[end:]
	}
	if out.Len() == 0 {
		return text
	}
	out.WriteString(rest)
	return out.String()
}

// keyLength returns the length of the private key at the start of text, 0 if
// there is none.
func keyLength(text string) int {
	header := strings.Index(text[len(keyBegin):min(len(text), 160)], "-----")
	if header < 0 || !strings.Contains(text[:len(keyBegin)+header], "PRIVATE KEY") {
		return 0
	}
	start := len(keyBegin) + header + len("-----")
	body, encoded := start, 0
	for body < len(text) && body < keyBytesMax && inKey(text[body]) {
		if text[body] == '-' && strings.HasPrefix(text[body:], "-----END ") {
			break
		}
		if text[body] > ' ' && text[body] != '"' && text[body] != '\\' {
			encoded++
		}
		body++
	}
	if encoded < 40 { // the shortest real body, Ed25519 in PKCS #8, has 64
		return 0
	}
	if strings.HasPrefix(text[body:], "-----END ") {
		if tail := strings.Index(text[body+len("-----END "):min(len(text), body+160)], "-----"); tail >= 0 {
			body += len("-----END ") + tail + len("-----")
		}
	}
	return body
}

// inKey tells the bytes of an armoured body: base64, the headers of encrypted
// keys, and what wraps it inside source code.
func inKey(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("+/=\r\n\t \\:,-\"'.()", c) >= 0
}
