// Package config reads cf's settings: flag over environment over the user's
// file over the repository's file over defaults.
//
// The package never contacts a network, never writes but through Set, and never
// reads a repository's .env.
//
// Invariants:
//  1. keys.go holds the one table of keys; everything else is derived from it.
//  2. A repository's file is untrusted: a key that could name a host, a model,
//     a secret or what leaves the machine is, there, an unknown key; the checks
//     that it brings are kept apart from the user's own.
//  3. A file is taken whole or not at all; an error names file:line:column.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/bitactor/cf/fault"
)

// Codes of the faults this package returns; their kind is fault.Usage.
const (
	CodeFile  = "bad-config"       // the file is not valid TOML, or not a readable regular file
	CodeKey   = "unknown-key"      // no such key, or not allowed in this file
	CodeValue = "bad-config-value" // wrong type, or out of range
	CodeSize  = "config-too-big"   // over MaxFileBytes
)

// Config holds the effective settings. It is not changed after Load.
type Config struct {
	Provider         string  // "ollama" or "openai"
	Host             string  // URL of the model server, normalised; "" = look for one
	APIKeyEnv        string  // name of the variable that holds the key of an OpenAI-compatible server
	AllowRemoteHosts bool    // let source leave this machine for a host that is not loopback
	Model            string  // "" = choose one that is installed
	ContextMax       int     // tokens; 0 = what fits the memory
	MaxTokens        int     // tokens of the longest reply, thinking included
	Temperature      float64 // 0..2
	Seed             int64
	Think            bool // ask thinking models to think
	ThinkTokens      int  // tokens of thought before it is stopped
	BudgetSeconds    int  // for model and checks together, without --budget; 0 = no bound
	IdleMinutes      int  // the private server ends after so many idle minutes
	Offline          bool // contact nothing but the model server
	Color            string

	Checks []Check    // the user's own
	Repo   RepoChecks // those of the repository, for who has approved them

	origins map[string]Origin
}

// RepoChecks are the checks that a repository's file brings. Nothing runs them
// unless the user has approved the file with this very content.
type RepoChecks struct {
	File   string // absolute; "" where there is no such file
	Hash   string // SHA-256 of its content, in hexadecimal
	Checks []Check
}

// Source says which layer a setting came from.
type Source string

// The layers, strongest first.
const (
	FromFlag    Source = "flag"
	FromEnv     Source = "environment"
	FromUser    Source = "user file"
	FromRepo    Source = "repository file"
	FromDefault Source = "default"
)

// Origin says where a setting came from. Where is the flag, the variable or
// file:line:column; "" for a default.
type Origin struct {
	Source Source `json:"source"`
	Where  string `json:"where,omitempty"`
}

// Origin returns where the named key's value came from.
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// Value returns the named key's value, nil for an unknown key.
func (c *Config) Value(key string) any {
	k, ok := Find(key)
	if !ok {
		return nil
	}
	return k.get(c)
}

// Sources is what Load reads.
type Sources struct {
	UserFile string                      // "" = none
	RepoRoot string                      // folder that may hold .cf/config.toml; "" = none
	Getenv   func(string) string         // nil = empty
	Flag     func(string) (string, bool) // value of a flag by name, and whether it was given; nil = none
}

// RepoFile is the repository's file, relative to its root.
const RepoFile = ".cf/config.toml"

// Load returns the effective settings. A missing file is no error.
func Load(s Sources) (*Config, error) {
	c := Defaults()
	if s.RepoRoot != "" {
		data, err := readRepoFile(s.RepoRoot)
		if err != nil {
			return nil, err
		}
		if data != nil {
			if err := c.apply(filepath.Join(s.RepoRoot, RepoFile), data, Repo); err != nil {
				return nil, err
			}
		}
	}
	if s.UserFile != "" {
		data, err := readFile(s.UserFile)
		if err != nil {
			return nil, err
		}
		if err := c.apply(s.UserFile, data, User); err != nil {
			return nil, err
		}
	}
	if err := c.applyEnv(s.Getenv); err != nil {
		return nil, err
	}
	return c, c.applyFlags(s.Flag)
}

// Defaults returns the settings that hold when nothing is configured.
func Defaults() *Config {
	c := &Config{origins: make(map[string]Origin, len(keys))}
	for _, k := range keys {
		v, err := k.Parse(k.Default)
		if err != nil {
			panic("config: default of " + k.Name + ": " + err.Error())
		}
		k.set(c, v)
		c.origins[k.Name] = Origin{Source: FromDefault}
	}
	return c
}

func (c *Config) apply(file string, data []byte, scope Scope) error {
	read, err := Parse(file, data, scope)
	if err != nil {
		return err
	}
	source := FromUser
	if scope == Repo {
		source = FromRepo
		sum := sha256.Sum256(data)
		c.Repo = RepoChecks{file, hex.EncodeToString(sum[:]), read.Checks}
	} else {
		c.Checks = read.Checks
	}
	for _, v := range read.Settings {
		v.Key.set(c, v.Value)
		c.origins[v.Key.Name] = Origin{source, v.Where}
	}
	return nil
}

func (c *Config) applyEnv(getenv func(string) string) error {
	if getenv == nil {
		return nil
	}
	for _, k := range keys {
		for _, name := range k.Env {
			text := getenv(name)
			if text == "" {
				continue
			}
			if name == ollamaHost && getenv("CF_PROVIDER") == "" && c.Provider != "ollama" {
				continue // it names an Ollama, not the configured server
			}
			v, err := k.Parse(text)
			if err != nil {
				return badValue("environment variable "+name, err)
			}
			k.set(c, v)
			c.origins[k.Name] = Origin{FromEnv, name}
			break
		}
	}
	return nil
}

func (c *Config) applyFlags(flag func(string) (string, bool)) error {
	if flag == nil {
		return nil
	}
	for _, k := range keys {
		if k.Flag == "" {
			continue
		}
		text, given := flag(k.Flag)
		if !given {
			continue
		}
		v, err := k.Parse(text)
		if err != nil {
			return badValue("flag --"+k.Flag, err)
		}
		k.set(c, v)
		c.origins[k.Name] = Origin{FromFlag, "--" + k.Flag}
	}
	return nil
}

func badValue(who string, err error) error {
	return fault.New(fault.Usage, CodeValue, "%w", err).On("", who)
}

// readRepoFile reads the repository's file without following a link out of
// the root.
func readRepoFile(root string) ([]byte, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", root)
	}
	defer r.Close()
	name := filepath.Join(root, RepoFile)
	info, err := r.Stat(RepoFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", name)
	}
	if err := checkInfo(name, info); err != nil {
		return nil, err
	}
	f, err := r.Open(RepoFile)
	if err != nil {
		return nil, fault.New(fault.Usage, CodeFile, "%w", err).On("config", name)
	}
	defer f.Close()
	return readAll(name, f)
}
