package docker

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"mvdan.cc/sh/v3/syntax"

	"github.com/bitactor/cf/lazyregexp"
)

// predefined are the arguments that a build has before FROM without an ARG:
// "Automatic platform ARGs in the global scope" of the Dockerfile reference.
// The values are those of one build; who uses one means many.
var predefined = map[string]string{
	"BUILDPLATFORM": "linux/amd64", "BUILDOS": "linux", "BUILDOSVERSION": "", "BUILDARCH": "amd64", "BUILDVARIANT": "",
	"TARGETPLATFORM": "linux/amd64", "TARGETOS": "linux", "TARGETOSVERSION": "", "TARGETARCH": "amd64", "TARGETVARIANT": "", "TARGETSTAGE": "default",
}

// secretKey and publicKey tell which names of variables are those of secrets,
// as the documentation of the rule SecretsUsedInArgOrEnv lists them.
var (
	secretKey = lazyregexp.New(`(?i)(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)`)
	publicKey = lazyregexp.New(`(?i)(?:_|^)(?:public|file|path|name|id|url)(?:_|$)`)
)

// lint applies the rules to the whole file.
func (d *dockerfile) lint() {
	d.casing()
	d.stageNames()
	for i, s := range d.stages {
		d.from(i, s)
		d.commands(i, s)
	}
}

func (d *dockerfile) run(rule linter.LinterRuleI, at []parser.Range, message string) {
	d.linter.Run(rule, at, message)
}

// casing wants instructions in upper case or in lower, as most of them are.
func (d *dockerfile) casing() {
	upper, lower := 0, 0
	for _, w := range d.names {
		switch w.text {
		case strings.ToUpper(w.text):
			upper++
		case strings.ToLower(w.text):
			lower++
		}
	}
	want, shape := "uppercase", strings.ToUpper
	if lower > upper {
		want, shape = "lowercase", strings.ToLower
	}
	for _, w := range d.names {
		if w.text != shape(w.text) {
			d.run(&linter.RuleConsistentInstructionCasing, w.at, linter.RuleConsistentInstructionCasing.Format(w.text, want))
		}
	}
}

func (d *dockerfile) stageNames() {
	seen := map[string]bool{}
	for _, s := range d.stages {
		if s.Name == "" {
			continue
		}
		if s.Name == "scratch" || s.Name == "context" {
			d.run(&linter.RuleReservedStageName, s.Location, linter.RuleReservedStageName.Format(s.Name))
		}
		if key := strings.ToLower(s.Name); seen[key] {
			d.run(&linter.RuleDuplicateStageName, s.Location, linter.RuleDuplicateStageName.Format(s.Name))
		} else {
			seen[key] = true
		}
	}
}

// environment is what a FROM line can refer to.
type environment map[string]string

// Get returns a variable.
func (e environment) Get(key string) (string, bool) {
	v, ok := e[key]
	return v, ok
}

// Keys returns the names.
func (e environment) Keys() []string {
	var keys []string
	for k := range e {
		keys = append(keys, k)
	}
	return keys
}

func (d *dockerfile) global(lex *shell.Lex) environment {
	env := environment(maps.Clone(predefined))
	for _, a := range d.args {
		for _, kv := range a.Args {
			env[kv.Key] = kv.ValueString()
			if plain, _, err := lex.ProcessWord(kv.ValueString(), env); err == nil {
				env[kv.Key] = plain
			}
		}
	}
	return env
}

// from checks the FROM line of stage i.
func (d *dockerfile) from(i int, s *instructions.Stage) {
	lex := shell.NewLex(d.escape)
	env := d.global(lex)
	base, err := lex.ProcessWordWithMatches(s.BaseName, env)
	if err != nil {
		d.fail(s.Location, "syntax", err)
		return
	}
	platform, err := lex.ProcessWordWithMatches(s.Platform, env)
	if err != nil {
		d.fail(s.Location, "syntax", err)
		return
	}
	for _, unmatched := range []map[string]struct{}{base.Unmatched, platform.Unmatched} {
		for name := range unmatched {
			d.run(&linter.RuleUndefinedArgInFrom, s.Location, linter.RuleUndefinedArgInFrom.Format(name, ""))
		}
	}
	if len(base.Unmatched) == 0 && (base.Result == "" || strings.HasPrefix(base.Result, ":") || strings.HasSuffix(base.Result, ":")) {
		d.run(&linter.RuleInvalidDefaultArgInFrom, s.Location, linter.RuleInvalidDefaultArgInFrom.Format(s.BaseName))
	}
	switch s.Platform {
	case "":
	case "$TARGETPLATFORM", "${TARGETPLATFORM}":
		d.run(&linter.RuleRedundantTargetPlatform, s.Location, linter.RuleRedundantTargetPlatform.Format(s.Platform))
	default:
		if len(platform.Matched) == 0 && len(platform.Unmatched) == 0 && !strings.Contains(s.Name, path.Base(s.Platform)) {
			d.run(&linter.RuleFromPlatformFlagConstDisallowed, s.Location, linter.RuleFromPlatformFlagConstDisallowed.Format(s.Platform))
		}
	}
	many := slices.ContainsFunc(slices.Collect(maps.Keys(base.Matched)), func(k string) bool { return predefined[k] != "" })
	if d.earlier(i, base.Result) < 0 && base.Result != "scratch" && !many && len(base.Unmatched) == 0 && floating(base.Result) {
		d.warn(s.Location, "unpinned-image", "image "+strconv.Quote(base.Result)+" has no fixed tag; the next build may get another one")
	}
}

// floating tells whether an image is taken at whatever version is the latest.
func floating(image string) bool {
	if image == "" || strings.Contains(image, "@") {
		return false
	}
	_, tag, ok := strings.Cut(path.Base(image), ":")
	return !ok || tag == "latest"
}

// earlier returns the stage before i of a name or a number, or -1.
func (d *dockerfile) earlier(i int, stage string) int {
	for k, s := range d.stages[:i] {
		if s.Name != "" && strings.EqualFold(s.Name, stage) {
			return k
		}
	}
	return -1
}

// commands checks the instructions of stage i.
func (d *dockerfile) commands(i int, s *instructions.Stage) {
	ownShell, workdir := false, false
	last := map[string]instructions.Command{}
	once := func(c instructions.Command) {
		if before := last[c.Name()]; before != nil {
			d.run(&linter.RuleMultipleInstructionsDisallowed, before.Location(), linter.RuleMultipleInstructionsDisallowed.Format(c.Name()))
		}
		last[c.Name()] = c
	}
	shellForm := func(c instructions.Command, line instructions.ShellDependantCmdLine) {
		if line.PrependShell && !ownShell {
			d.run(&linter.RuleJSONArgsRecommended, c.Location(), linter.RuleJSONArgsRecommended.Format(c.Name()))
		}
	}
	for _, command := range s.Commands {
		switch c := command.(type) {
		case *instructions.ShellCommand:
			ownShell = true
		case *instructions.CmdCommand:
			once(c)
			shellForm(c, c.ShellDependantCmdLine)
		case *instructions.EntrypointCommand:
			once(c)
			shellForm(c, c.ShellDependantCmdLine)
		case *instructions.HealthCheckCommand:
			once(c)
		case *instructions.WorkdirCommand:
			if !workdir && !path.IsAbs(c.Path) && !strings.HasPrefix(c.Path, "$") {
				d.run(&linter.RuleWorkdirRelativePath, c.Location(), linter.RuleWorkdirRelativePath.Format(c.Path))
			}
			workdir = true
		case *instructions.EnvCommand:
			d.pairs(c, c.Env)
		case *instructions.LabelCommand:
			d.legacy(c, c.Labels)
		case *instructions.ArgCommand:
			for _, kv := range c.Args {
				d.secret(c, kv.Key)
			}
		case *instructions.ExposeCommand:
			d.expose(c)
		case *instructions.RunCommand:
			if !ownShell {
				d.script(c)
			}
		case *instructions.CopyCommand:
			d.copied(i, c, c.From, c.SourcePaths)
		case *instructions.AddCommand:
			d.copied(i, c, "", c.SourcePaths)
		}
	}
}

func (d *dockerfile) pairs(c instructions.Command, env instructions.KeyValuePairs) {
	d.legacy(c, env)
	for _, kv := range env {
		d.secret(c, kv.Key)
	}
}

func (d *dockerfile) legacy(c instructions.Command, pairs instructions.KeyValuePairs) {
	for _, kv := range pairs {
		if kv.NoDelim {
			d.run(&linter.RuleLegacyKeyValueFormat, c.Location(), linter.RuleLegacyKeyValueFormat.Format(c.Name()))
		}
	}
}

func (d *dockerfile) secret(c instructions.Command, key string) {
	if secretKey.MatchString(key) && !publicKey.MatchString(key) {
		d.run(&linter.RuleSecretsUsedInArgOrEnv, c.Location(), linter.RuleSecretsUsedInArgOrEnv.Format(c.Name(), key))
	}
}

func (d *dockerfile) expose(c *instructions.ExposeCommand) {
	for _, port := range c.Ports {
		if strings.Contains(port, "$") {
			continue
		}
		number, proto, _ := strings.Cut(port, "/")
		if proto != strings.ToLower(proto) {
			d.run(&linter.RuleExposeProtoCasing, c.Location(), linter.RuleExposeProtoCasing.Format(port))
		}
		if strings.Contains(number, ":") {
			d.run(&linter.RuleExposeInvalidFormat, c.Location(), linter.RuleExposeInvalidFormat.Format(port))
			continue
		}
		for _, n := range strings.SplitN(number, "-", 2) {
			if v, err := strconv.Atoi(n); err != nil || v < 1 || v > 65535 {
				d.f.Error(d.offset(c.Location()), "expose-port", "%q is no port", port)
				break
			}
		}
	}
}

// script parses what RUN gives to the shell.
func (d *dockerfile) script(c *instructions.RunCommand) {
	if !c.PrependShell || len(c.CmdLine) == 0 {
		return
	}
	text := strings.Join(c.CmdLine, " ")
	if len(c.Files) > 0 {
		// With a here-document as its command the text is the document's.
		if !strings.HasPrefix(strings.TrimSpace(text), "<<") || strings.HasPrefix(c.Files[0].Data, "#!") {
			return
		}
		text = c.Files[0].Data
	}
	if len(text) > scriptBytesMax {
		return
	}
	_, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if parse, ok := err.(syntax.ParseError); ok {
		d.f.Error(d.offset(c.Location()), "run-syntax", "%s", parse.Text)
	}
}

// scriptBytesMax bounds the script of one RUN that is parsed: the parser is
// recursive.
const scriptBytesMax = 64 << 10

// copied checks where COPY and ADD take files from: a stage that is there, and
// files that are. The build's context is the folder of the Dockerfile or the
// root; a file that is in neither may be made before the build, so it is a
// warning.
func (d *dockerfile) copied(i int, c instructions.Command, from string, sources []string) {
	if from != "" {
		if n, err := strconv.Atoi(from); err == nil && n >= i {
			d.f.Error(d.offset(c.Location()), "copy-stage", "there is no stage %d before this one", n)
		}
		for k := i; k < len(d.stages); k++ {
			if s := d.stages[k].Name; s != "" && strings.EqualFold(s, from) && d.earlier(i, from) < 0 {
				d.f.Error(d.offset(c.Location()), "copy-stage", "stage %q begins after it is copied from, or here", from)
				return
			}
		}
		return
	}
	for _, src := range sources {
		if strings.ContainsAny(src, "*?[$\\") || strings.Contains(src, "://") || strings.HasPrefix(src, "git@") {
			continue
		}
		inRoot := path.Clean(strings.TrimLeft(src, "/"))
		beside := path.Join(path.Dir(d.f.Path), inRoot)
		if !strings.HasPrefix(inRoot, "../") && d.kind(inRoot) == "" && d.kind(beside) == "" {
			d.warn(c.Location(), "copy-source", "nothing lies at "+src+", beside the Dockerfile or in the root")
		}
	}
}
