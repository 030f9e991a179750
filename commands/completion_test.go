package commands

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestBashCompletes loads the script into a real bash that has nothing else
// and presses tab there.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	dir, diff, env := plantProject(t)
	land := asCF(t, env, "apply", diff)
	land.Dir = dir
	if out, err := land.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const press = `
compopt() { :; } # bash has it only while a key is pressed
source <(cf completion bash) || exit 9
tab() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9 COMP_KEY=9 COMPREPLY=()
	COMP_POINT=${#COMP_LINE}
	__start_cf
	printf '%s: %s\n' "$*" "${COMPREPLY[*]}"
}
tab cf sta
tab cf config get mo
tab cf ask --temp
tab cf completion z
tab cf undo 2
`
	cmd := exec.Command(bash, "--norc", "--noprofile", "-c", press)
	cmd.Env, cmd.Dir = env, dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%v, stderr %q", err, errs.String())
	}
	if !regexp.MustCompile(`(?m)^cf undo 2: 2\d{7}-\d{6}-\d+`).Match(out) {
		t.Errorf("no landing is offered in\n%s", out)
	}
	for _, want := range []string{"cf sta: status\n", "cf config get mo: model\n", "cf ask --temp: --temperature\n", "cf completion z: zsh\n"} {
		if got := regexp.MustCompile(` +\([^)]*\)| +\n`).ReplaceAllString(string(out), "\n"); !strings.Contains(strings.ReplaceAll(got, "\n\n", "\n"), want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

// TestTheMakefileSetsTheVersion: the linker ignores a variable that is not there.
func TestTheMakefileSetsTheVersion(t *testing.T) {
	named := regexp.MustCompile(`-X github\.com/bitactor/cf/commands\.(\w+)=`).FindAllStringSubmatch(page(t, "Makefile"), -1)
	if len(named) == 0 {
		t.Fatal("the Makefile sets no version")
	}
	for _, m := range named {
		if !regexp.MustCompile(`(?m)^var ` + m[1] + ` string$`).MatchString(page(t, "commands/version.go")) {
			t.Errorf("the Makefile sets commands.%s, which is not there", m[1])
		}
	}
}
