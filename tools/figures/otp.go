package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// measureOTP has cf measure the system that cf scaffold makes, which takes some
// minutes: it compiles and tests the project and puts it under load. With ra on
// ERL_LIBS it kills and freezes leaders too.
func measureOTP(cf string) ([]figure, error) {
	folder, err := os.MkdirTemp("", "figures-otp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	report := filepath.Join(folder, "otp.json")
	cmd := exec.Command(cf, "benchmark", "otp", "--report="+report)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return readClaims(report)
}

// availabilitySeconds is how long the generated system is to answer under faults.
const availabilitySeconds = 600

var answered = regexp.MustCompile(`availability: \[requests: (\d+), right: (\d+), faults: (\d+), seconds: (\d+)\].*, (p50 .*)`)

// measureAvailability runs the generated system's own test of availability over three
// nodes.
func measureAvailability(cf string) ([]figure, error) {
	folder, err := os.MkdirTemp("", "figures-availability-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	scaffold := exec.Command(cf, "scaffold", "bitactor", "--no-tests", "--yes")
	scaffold.Dir = folder
	if out, err := scaffold.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	test := exec.Command("mix", "test", "--only", "availability")
	test.Dir = filepath.Join(folder, "bitactor_otp")
	test.Env = append(os.Environ(), fmt.Sprintf("BITACTOR_AVAILABILITY_SECONDS=%d", availabilitySeconds), "BITACTOR_REQUIRE_RA=1")
	out, err := test.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	found := answered.FindSubmatch(out)
	if found == nil {
		return nil, fmt.Errorf("the test says nothing of its requests:\n%s", out)
	}
	numbers := make([]int, 4)
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(string(found[i+1])); err != nil {
			return nil, err
		}
	}
	requests, right := numbers[0], numbers[1]
	return []figure{{
		Name: "requests answered rightly within 10 s, under faults", Goal: "at least 99.99 % in 10 minutes",
		Measured: fmt.Sprintf("%d of %d (%.3f %%)", right, requests, float64(right*100_000/max(requests, 1))/1000), // never rounded up
		Pass:     right*10_000 >= requests*9_999 && numbers[3] >= availabilitySeconds,
		Conditions: fmt.Sprintf("three nodes on one machine, ra, actors stored on disk; %d requests a second, half commands, half signals, at fixed times; clients ask the next node where one gives an error or is silent for 1 s, with the same identity; %d faults by turns: a worker, a supervisor, the leader killed and started again, the leader frozen for 5 s; %s",
			requests/numbers[3], numbers[2], found[5]),
	}}, nil
}

var upgraded = regexp.MustCompile(`upgrade: \[requests: (\d+), failed: (\d+), held: (\d+), held failed: (\d+)\], (p50 .*)`)

// measureUpgrade has the test of this repository replace every node of a running
// system by one of another version, under load.
func measureUpgrade(cf string) ([]figure, error) {
	test := exec.Command("go", "test", "-count=1", "-v", "-timeout=15m", "-run=^TestUpgrade$", "./scaffold/deploytest")
	test.Dir = filepath.Dir(filepath.Dir(cf)) // bin/cf lies in the source tree
	test.Env = append(os.Environ(), "CF_SCAFFOLD_LONG=1", "CF_TEST_REQUIRE=1")
	out, failed := test.CombinedOutput()
	found := upgraded.FindSubmatch(out)
	if found == nil {
		return nil, fmt.Errorf("the test says nothing of its requests: %w\n%s", failed, out)
	}
	numbers := make([]int, 4)
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(string(found[i+1])); err != nil {
			return nil, err
		}
	}
	requests, lost, held, heldLost := numbers[0], numbers[1], numbers[2], numbers[3]
	if failed != nil && lost+heldLost == 0 {
		return nil, fmt.Errorf("%w\n%s", failed, out) // a signal that was lost or came twice, a version
	}
	return []figure{{
		Name: "requests failed while every node is replaced by one of another version", Goal: "0",
		Measured: fmt.Sprintf("%d of %d, and %d of %d that a draining gateway held", lost, requests, heldLost, held),
		Pass:     lost+heldLost == 0,
		Conditions: fmt.Sprintf("releases on one machine, TLS, ra, actors stored on disk: three voters one at a time behind the guard of their preStop hook, two gateways of the old version beside two of the new, switch, drain; 50 requests a second at fixed times by POST /requests, deadline 10 s, none repeated by the client; each signal is counted once at the end; %s",
			found[5]),
	}}, nil
}
