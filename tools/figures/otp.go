package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// measureOTP has cf measure the system that cf scaffold makes, which takes some
// minutes: it compiles and tests the project and puts it under load. With ra on
// ERL_LIBS it kills and freezes leaders too, for BITACTOR_AVAILABILITY_SECONDS under load.
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
