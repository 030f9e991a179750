package secret

import (
	"path"
	"slices"
	"strings"
)

// File tells whether a file is never read because of what its name says it
// holds, and in words what that is. name is a path with slashes; letters' case
// does not count. Examples and templates ("*.example", "*.sample", "*.dist",
// "*.template") are read.
func File(name string) (why string, secret bool) {
	parts := strings.Split(strings.ToLower(path.Clean(name)), "/")
	base := parts[len(parts)-1]
	for _, ext := range []string{".example", ".sample", ".template", ".dist", ".defaults", ".pub", ".tmpl"} {
		if strings.HasSuffix(base, ext) || strings.Contains(base, ext+".") {
			return "", false
		}
	}
	if why, ok := byName[base]; ok {
		return why, true
	}
	for _, p := range byPattern {
		if ok, _ := path.Match(p.pattern, base); ok { // the patterns are constant and valid
			return p.why, true
		}
	}
	if folder, ok := byFolder[last(parts[:len(parts)-1])]; ok && !slices.Contains(folder.except, base) {
		return folder.why, true
	}
	return "", false
}

func last(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}

const (
	environment = "environment with secrets"
	privateKey  = "private key"
	keyStore    = "key store"
	login       = "stored login"
)

var byName = map[string]string{
	".env": environment, ".envrc": environment,
	"id_rsa": privateKey, "id_dsa": privateKey, "id_ecdsa": privateKey, "id_ed25519": privateKey,
	"id_ecdsa_sk": privateKey, "id_ed25519_sk": privateKey,
	".netrc": login, "_netrc": login, ".pgpass": login, ".my.cnf": login, ".mylogin.cnf": login, ".git-credentials": login,
	".pypirc": login, ".htpasswd": login, ".dockercfg": login, ".dockerconfigjson": login, ".s3cfg": login, ".boto": login,
	"credentials": login, "credentials.json": login, "credentials.toml": login, "credentials.csv": login, "credentials.yml": login,
	"application_default_credentials.json": login, "accesstokens.json": login, ".vault-token": login, ".erlang.cookie": login,
	"kubeconfig": "cluster login", "secrets.yml": "secrets", "secrets.yaml": "secrets", "secrets.json": "secrets",
	"secrets.toml": "secrets", "secret.yml": "secrets", "secret.yaml": "secrets", "secrets.env": environment,
	"terraform.tfstate": "state with secrets", "terraform.tfstate.backup": "state with secrets",
}

var byPattern = []struct{ pattern, why string }{
	{".env.*", environment},
	{"*.env", environment},
	{"*.pem", privateKey},
	{"*.key", privateKey},
	{"*.ppk", privateKey},
	{"*.p12", keyStore},
	{"*.pfx", keyStore},
	{"*.jks", keyStore},
	{"*.keystore", keyStore},
	{"*.kdbx", keyStore},
	{"*.bks", keyStore},
	{"*.kubeconfig", "cluster login"},
	{"*.tfvars", "variables with secrets"},
	{"*.tfvars.json", "variables with secrets"},
	{"*.secret.exs", "secrets"},
	{"client_secret*.json", login},
	{"*service-account*.json", login},
	{"*service_account*.json", login},
	{"*.secret", "secrets"},
	{"*.secrets", "secrets"},
}

// byFolder holds folders of which all files count, but for those named.
var byFolder = map[string]struct {
	why    string
	except []string
}{
	".ssh":    {privateKey, []string{"config", "known_hosts", "authorized_keys"}},
	".gnupg":  {keyStore, nil},
	".aws":    {login, nil},
	".azure":  {login, nil},
	".kube":   {"cluster login", nil},
	".docker": {login, nil},
}
