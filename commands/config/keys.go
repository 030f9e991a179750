package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Scope says which files may hold a key.
type Scope string

// The scopes.
const (
	User Scope = "user" // the user's own file only
	Repo Scope = "repo" // a repository's file too: the key can do no harm
)

// Kind is the type of a key's value.
type Kind string

// The kinds.
const (
	Text   Kind = "string"
	Bool   Kind = "boolean"
	Int    Kind = "integer"
	Number Kind = "number"
	List   Kind = "array of strings" // of check tables only
)

// Key describes one setting.
type Key struct {
	Name    string
	Kind    Kind
	Default string   // as text
	Env     []string // variables, strongest first
	Flag    string   // without dashes; "" = no flag
	Scope   Scope
	Choices []string // of a string; nil = any
	Min     float64  // of an integer or a number
	Max     float64
	Doc     string

	field     func(*Config) any // pointer to the value
	normalise func(string) (string, error)
}

const ollamaHost = "OLLAMA_HOST"

// keys is the one table of settings. Scope Repo only for what cannot name a
// host, a model or a secret: a model's name alone can send source to another
// machine (Ollama's cloud models), so it is the user's.
var keys = []Key{
	{
		Name: "provider", Kind: Text, Default: "ollama", Env: []string{"CF_PROVIDER"}, Flag: "provider", Scope: User,
		Choices: []string{"ollama", "openai"}, Doc: "protocol of the model server",
		field: func(c *Config) any { return &c.Provider },
	},
	{
		Name: "host", Kind: Text, Env: []string{"CF_HOST", ollamaHost}, Flag: "host", Scope: User,
		Doc:   "address of the model server; empty: a running one is looked for, then the private one; private: only that",
		field: func(c *Config) any { return &c.Host }, normalise: NormaliseHost,
	},
	{
		Name: "api_key_env", Kind: Text, Scope: User,
		Doc:   "name of the environment variable that holds the key of an OpenAI-compatible server",
		field: func(c *Config) any { return &c.APIKeyEnv },
	},
	{
		Name: "allow_remote_hosts", Kind: Bool, Default: "false", Scope: User,
		Doc:   "allow a model server that is not on this machine: what is read leaves the machine",
		field: func(c *Config) any { return &c.AllowRemoteHosts },
	},
	{
		Name: "model", Kind: Text, Env: []string{"CF_MODEL"}, Flag: "model", Scope: User,
		Doc:   "model to use; empty: the best installed one that fits the memory",
		field: func(c *Config) any { return &c.Model },
	},
	{
		Name: "context_max", Kind: Int, Default: "0", Env: []string{"CF_CONTEXT_MAX"}, Flag: "context-max", Scope: Repo, Max: 1 << 24,
		Doc:   "largest context window in tokens; 0: what the model and the memory allow",
		field: func(c *Config) any { return &c.ContextMax },
	},
	{
		Name: "max_tokens", Kind: Int, Default: "1024", Env: []string{"CF_MAX_TOKENS"}, Flag: "max-tokens", Scope: Repo, Min: 1, Max: 1 << 20,
		Doc:   "longest reply in tokens, thinking included",
		field: func(c *Config) any { return &c.MaxTokens },
	},
	{
		Name: "temperature", Kind: Number, Default: "0", Env: []string{"CF_TEMPERATURE"}, Flag: "temperature", Scope: Repo, Max: 2,
		Doc:   "randomness of the model, 0 to 2; 0 repeats itself",
		field: func(c *Config) any { return &c.Temperature },
	},
	{
		Name: "seed", Kind: Int, Default: "1", Env: []string{"CF_SEED"}, Flag: "seed", Scope: Repo, Max: math.MaxInt32,
		Doc:   "seed of the model's random numbers",
		field: func(c *Config) any { return &c.Seed },
	},
	{
		Name: "think", Kind: Bool, Default: "false", Env: []string{"CF_THINK"}, Flag: "think", Scope: Repo,
		Doc:   "let a thinking model think before it answers",
		field: func(c *Config) any { return &c.Think },
	},
	{
		Name: "think_tokens", Kind: Int, Default: "2048", Env: []string{"CF_THINK_TOKENS"}, Flag: "think-tokens", Scope: Repo, Min: 1, Max: 1 << 20,
		Doc:   "tokens of thought after which thinking is stopped",
		field: func(c *Config) any { return &c.ThinkTokens },
	},
	{
		Name: "budget_seconds", Kind: Int, Default: "0", Env: []string{"CF_BUDGET_SECONDS"}, Scope: User, Max: 24 * 60 * 60,
		Doc:   "most seconds for model and checks together, of a verb that writes code or assesses and is given no --budget; 0: no bound",
		field: func(c *Config) any { return &c.BudgetSeconds },
	},
	{
		Name: "idle_minutes", Kind: Int, Default: "10", Env: []string{"CF_IDLE_MINUTES"}, Scope: User, Min: 1, Max: 7 * 24 * 60,
		Doc:   "minutes without use after which the private server ends",
		field: func(c *Config) any { return &c.IdleMinutes },
	},
	{
		Name: "offline", Kind: Bool, Default: "false", Env: []string{"CF_OFFLINE"}, Flag: "offline", Scope: User,
		Doc:   "contact nothing but the model server",
		field: func(c *Config) any { return &c.Offline },
	},
	{
		Name: "color", Kind: Text, Default: "auto", Env: []string{"CF_COLOR"}, Flag: "color", Scope: User,
		Choices: []string{"auto", "always", "never"}, Doc: "colours: auto is on for a terminal",
		field: func(c *Config) any { return &c.Color },
	},
}

// Keys returns the table of settings in the order of documentation.
func Keys() []Key { return slices.Clone(keys) }

// Find returns the key of that name.
func Find(name string) (Key, bool) {
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// Parse turns text, as given by a flag or a variable, into a value of k's
// kind: string, bool, int64 or float64.
func (k Key) Parse(text string) (any, error) {
	var v any = text
	var err error
	switch k.Kind {
	case Bool:
		v, err = strconv.ParseBool(text)
	case Int:
		v, err = strconv.ParseInt(text, 10, 64)
	case Number:
		v, err = strconv.ParseFloat(text, 64)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is %s, not %q", k.Name, article(k.Kind), text)
	}
	return k.check(v)
}

// check returns v normalised, or why it is out of range.
func (k Key) check(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if len(k.Choices) > 0 && !slices.Contains(k.Choices, v) {
			return nil, fmt.Errorf("%s is one of %s, not %q", k.Name, strings.Join(k.Choices, ", "), v)
		}
		if k.normalise != nil && v != "" {
			return k.normalise(v)
		}
	case int64:
		if float64(v) < k.Min || float64(v) > k.Max {
			return nil, fmt.Errorf("%s is between %.0f and %.0f, not %d", k.Name, k.Min, k.Max, v)
		}
	case float64:
		if !(v >= k.Min && v <= k.Max) { // so that NaN fails too
			return nil, fmt.Errorf("%s is between %g and %g, not %g", k.Name, k.Min, k.Max, v)
		}
	}
	return v, nil
}

func article(k Kind) string {
	switch k {
	case Int:
		return "an integer"
	case List:
		return "an array of strings"
	case Bool:
		return "true or false"
	default:
		return "a " + string(k)
	}
}

func (k Key) set(c *Config, v any) {
	switch p := k.field(c).(type) {
	case *string:
		*p = v.(string)
	case *bool:
		*p = v.(bool)
	case *int:
		*p = int(v.(int64))
	case *int64:
		*p = v.(int64)
	case *float64:
		*p = v.(float64)
	}
}

func (k Key) get(c *Config) any {
	switch p := k.field(c).(type) {
	case *string:
		return *p
	case *bool:
		return *p
	case *int:
		return *p
	case *int64:
		return *p
	case *float64:
		return *p
	}
	return nil
}
