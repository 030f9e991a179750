package secret_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/workspace/secret"
)

// join keeps whole keys out of this file, so that no scanner takes it for a leak.
func join(parts ...string) string { return strings.Join(parts, "") }

var (
	letters36 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
	hex32     = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	body64    = "MC4CAQAwBQYDK2VwBCIEIGx0aGlzaXNub3RhcmVhbGtleWJ1dGxvb2tzbGlrZW9uZQ"
)

func TestRedact(t *testing.T) {
	begin, end := join("-----BEGIN ", "PRIVATE KEY-----"), join("-----END ", "PRIVATE KEY-----")
	tests := []struct {
		name, file, text, secret, kind string
	}{
		{"github", "a.go", `x := "` + join("ghp_", letters36) + `"`, letters36, "github-pat"},
		{"gitlab", "", "glpat-" + letters36[:20], letters36[:20], "gitlab-pat"},
		{"aws", "a.py", "AKI" + "AQYLPMN5HFIQR7XYA", "QYLPMN5HFIQR7XYA", "aws-access-token"},
		{"slack", "", join("xoxb-", "123456789012-123456789012-", letters36[:24]), letters36[:24], "slack-bot-token"},
		{"anthropic", "", join("sk-ant-", "api03-", letters36, letters36, letters36), letters36, "anthropic-api-key"},
		{"openai", "", join("sk-", "proj-", letters36, letters36), letters36, "openai-api-key"},
		{"google", "", "AIza" + letters36[:35], letters36[:35], "gcp-api-key"},
		{"stripe", "", join("sk_", "live_", letters36[:24]), letters36[:24], "stripe-access-token"},
		{"jwt", "", join("eyJ", "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ", "zdWIiOiIxMjM0NTY3ODkwIn0.", letters36), letters36, "jwt"},
		{"npmrc", ".npmrc", "//r.example.org/:_authToken=" + letters36, letters36, "npmrc-auth"},
		{"url", "a.yaml", "db: postgres://app:s3cr3tpw@db.internal:5432/x", "s3cr3tpw", "url-password"},
		{"bearer", "a.sh", `curl -H "Authorization: Bearer ` + letters36 + `"`, letters36, "authorization"},
		{"private key", "a.txt", begin + "\n" + body64 + "\n" + end + "\n", body64, "private-key"},
		{"private key in a string", "a.json", `{"k": "` + begin + `\n` + body64 + `\n` + end + `\n"}`, body64, "private-key"},
		{"private key broken off", "a.txt", begin + "\n" + body64, body64, "private-key"},
		{"encrypted key", "", join("-----BEGIN RSA ", "PRIVATE KEY-----") + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n" + body64 + "\n" + join("-----END RSA ", "PRIVATE KEY-----"), body64, "private-key"},
		{"go assignment", "a.go", `	apiKey := "` + letters36 + `"`, letters36, "api-key"},
		{"go argument", "a.go", `os.Setenv("SERVICE_TOKEN", "` + letters36 + `")`, letters36, "token"},
		{"json", "a.json", `  "client_secret": "` + letters36 + `",`, letters36, "secret"},
		{"yaml bare", "a.yml", "secret_key_base: " + hex32, hex32, "api-key"},
		{"shell", "a.sh", "export DB_PASSWORD=hunter2!x", "hunter2!x", "password"},
		{"properties", "a.properties", "spring.datasource.password=Tr0ub4dor", "Tr0ub4dor", "password"},
		{"typescript", "a.ts", `const authToken: string = '` + letters36 + `'`, letters36, "token"},
		{"python password", "a.py", `password = "correct7horse"`, "correct7horse", "password"},
		{"erlang", "a.erl", `{api_key, <<"` + letters36 + `">>}`, letters36, "api-key"},
		{"elixir", "config.exs", `  secret_key_base: "` + letters36 + `"`, letters36, "api-key"},
		{"markdown", "a.md", "Set `API_KEY=" + letters36 + "` first", letters36, "api-key"},
		{"known format in a lock file", "yarn.lock", `resolved "https://x:` + join("ghp_", letters36) + `@host/"`, letters36, "github-pat"},
		{"plain text", "", "the password: hunter2xyz is mine", "hunter2xyz", "password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := secret.Redact(tt.file, tt.text)
			if strings.Contains(got, tt.secret) {
				t.Errorf("still holds the secret: %q", got)
			}
			if !strings.Contains(got, "[redacted: "+tt.kind+"]") || len(found) != 1 || found[0] != (secret.Found{Kind: tt.kind, Count: 1}) {
				t.Errorf("got %q, found %v, want one %s", got, found, tt.kind)
			}
			if again, more := secret.Redact(tt.file, got); again != got || more != nil {
				t.Errorf("second pass changed it: %q, %v", again, more)
			}
		})
	}
}

func TestRedactKeeps(t *testing.T) {
	tests := []struct{ name, file, text string }{
		{"code", "a.go", "token := lexer.NextToken2()\nif tok.Kind == token.IDENT2 { secret = readSecretFromVault(ctx, path) }"},
		{"types", "a.go", "type Token struct { Secret string; Password string `json:\"password\"` }"},
		{"numbers", "a.yaml", "max_tokens: 4096\ntoken_count: 1234567890123456\nkeyboard: qwerty12345678901"},
		{"references", "a.yml", "password: ${DB_PASSWORD}\ntoken: {{ .Values.token }}\nsecret: $(cat /run/secrets/x)\napi_key: <YOUR_API_KEY_HERE_1234>"},
		{"placeholders", "a.env.example", "API_KEY=your-api-key-goes-here-123\nPASSWORD=changeme123\nSECRET_TOKEN=xxxxxxxxxxxxxxxxxxxx1"},
		{"names of secrets", "k8s.yaml", "secretName: my-app-prod-2024-credentials\nsecret: my-app-prod-2024"},
		{"messages", "en.json", `{"password": "Must be at least 8 characters", "token": "Your access token2 is invalid"}`},
		{"field names", "a.py", `PASSWORD_FIELD = "password1"` + "\n" + `password = "password"` + "\n" + `token = "access_token"`},
		{"uuid", "a.json", `{"token": "550e8400-e29b-41d4-a716-446655440000"}`},
		{"go.sum", "go.sum", "github.com/x/token v1.0.0 h1:Zk3J5pQ8sT1vW4yZ7bC0eF3hI6aB3dE6gH9jK2mN5pQ=\n"},
		{"integrity", "package-lock.json", `"integrity": "sha512-aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6==", "token": "` + letters36 + `"`},
		{"hashes", "a.md", "sha256: " + hex32 + hex32 + "\ncommit 0f1e2d3c4b5a69788796a5b4c3d2e1f0aabbccdd"},
		{"image", "a.html", `<img src="data:image/png;base64,` + strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAAAUA", 40) + `">`},
		{"key parser", "a.go", "const header = \"" + join("-----BEGIN ", "PRIVATE KEY-----") + "\"\nconst footer = \"" + join("-----END ", "PRIVATE KEY-----") + "\"\nfunc parse(b []byte) error { return nil }"},
		{"public key", "a.txt", "-----BEGIN PUBLIC KEY-----\n" + body64 + "\n-----END PUBLIC KEY-----"},
		{"aws's example", "a.md", "AKIA" + "IOSFODNN7EXAMPLE"},
		{"urls", "a.md", "https://example.org:8080/a@b http://user@host/ ssh://git@github.com:22/x https://h/?a=1:2@3"},
		{"url template", "a.go", `fmt.Sprintf("postgres://%s:%s@%s/%s", user, pass, host, db) // postgres://user:<password>@host`},
		{"path", "a.toml", `private_key = "/etc/ssl/private/server2024.der"` + "\n" + `token = "https://issuer.example.org/oauth2/v1"`},
		{"prose", "", "each token is a key to secret places; passwords: none"},
		{"map key", "a.go", `m["api_key"] = value12345678901234567`},
		{"css and js", "a.js", "const tokenizer = new Tokenizer2('o200k_base'), keyCode = 13;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := secret.Redact(tt.file, tt.text)
			if diff := cmp.Diff(tt.text, got); diff != "" || found != nil {
				t.Errorf("changed, found %v:\n%s", found, diff)
			}
		})
	}
}

// TestRedactKeepsOwnSource runs over this project's own Go files: real code
// without secrets.
func TestRedactKeepsOwnSource(t *testing.T) {
	for _, pattern := range []string{"*.go", "../*.go", "../../event/*.go", "../../llm/*.go", "../../commands/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, found := secret.Redact(name, string(data)); found != nil {
				t.Errorf("%s: %v", name, found)
			}
		}
	}
}

func TestFile(t *testing.T) {
	for _, name := range []string{
		".env", "a/.env", ".ENV", ".env.local", ".env.production", "prod.env", ".envrc", "id_rsa", ".ssh/id_ed25519", ".ssh/other", "server.pem",
		"tls.key", ".netrc", "store.p12", ".aws/credentials", ".aws/config", "kubeconfig", ".kube/config", "x.kubeconfig", ".git-credentials",
		"terraform.tfstate", "prod.tfvars", ".erlang.cookie", "config/prod.secret.exs", "config/secrets.yml", "client_secret_123.json", ".pypirc", ".docker/config.json",
	} {
		if why, yes := secret.File(name); !yes || why == "" {
			t.Errorf("File(%q) = %q, %v", name, why, yes)
		}
	}
	for _, name := range []string{
		".env.example", ".env.sample", ".env.production.example", "env.go", "id_rsa.pub", "keys.go", "credentials.go", "secret.go", "secrets_test.go",
		".ssh/config", "environment.md", "monkey", "a.environment", ".npmrc", "docker/config.json", "terraform.tfvars.example", "secret/file.txt",
	} {
		if why, yes := secret.File(name); yes {
			t.Errorf("File(%q) = %q", name, why)
		}
	}
}

func TestDescribe(t *testing.T) {
	_, found := secret.Redact("a.yml", "token: "+letters36+"\npassword: hunter2xyz\npassword: hunter3xyz\n")
	if got, want := secret.Describe(found), "2 password, 1 token"; got != want {
		t.Errorf("Describe = %q, want %q", got, want)
	}
}

// TestRedactIsLinear feeds a quarter of a megabyte of each worst case; a quadratic rule
// would take minutes.
func TestRedactIsLinear(t *testing.T) {
	for _, unit := range []string{"token=", "api_key: a1", "://a:", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "password", `"secret": "`, "eyJabcdefghijklmnop.", "a1B2-_.", "secret.token.key_"} {
		text := strings.Repeat(unit, 256<<10/len(unit))
		start := time.Now()
		secret.Redact("a.yml", text)
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%q: %v for 256 KiB", unit, took)
		} else {
			t.Logf("%q: %v", unit, took.Round(time.Millisecond))
		}
	}
}

func FuzzRedactText(f *testing.F) {
	for _, s := range []string{"", "token: " + letters36, "password='a1'b2'", "-----BEGIN PRIVATE KEY-----" + body64, "x://a:b1c@d", "[redacted: token]", "\xff token=\xff", "a\r\nb"} {
		f.Add("a.yml", s)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		got, found := secret.Redact(name, text)
		if found == nil && got != text {
			t.Errorf("nothing found and yet %q became %q", text, got)
		}
		if again, more := secret.Redact(name, got); again != got {
			t.Errorf("second pass: %q became %q, %v", got, again, more)
		}
		secret.File(name)
	})
}

func BenchmarkRedact(b *testing.B) {
	code := strings.Repeat("func (s *Server) handle(w http.ResponseWriter, r *http.Request) { token := r.Header.Get(\"X\") }\n", 10_000)
	for name, text := range map[string]string{"code": code, "prose": strings.ReplaceAll(code, "token", "value")} {
		b.Run(fmt.Sprintf("text=%s", name), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				secret.Redact("a.go", text)
			}
		})
	}
}
