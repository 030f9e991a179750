package trust

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bitactor/cf/commands/config"
	"github.com/bitactor/cf/fault"
)

func approval(root, hash string) Approval {
	return Approval{
		Root: root, File: root + "/.cf/config.toml", Hash: hash, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Checks: []config.Check{{Name: "tsc", Run: []string{"npx", "tsc"}, Files: []string{"*.ts"}, Kind: "check", Where: "f:1:2"}},
	}
}

func TestApprovals(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "not", "there"))
	allows := func(root, hash string, want bool) {
		t.Helper()
		if got, err := s.Allows(root, hash); err != nil || got != want {
			t.Errorf("Allows(%s, %s) = %v, %v", root, hash, got, err)
		}
	}
	allows("/p", "1", false)
	if had, err := s.Revoke("/p"); had || err != nil {
		t.Errorf("Revoke of nothing = %v, %v", had, err)
	}
	for _, a := range []Approval{approval("/q", "7"), approval("/p", "0"), approval("/p", "1")} {
		if err := s.Approve(a); err != nil {
			t.Fatal(err)
		}
	}
	allows("/p", "1", true)
	allows("/p", "0", false) // replaced
	allows("/p", "", false)
	allows("/p/", "1", false)
	allows("/q", "1", false)
	all, err := s.List()
	if diff := cmp.Diff([]Approval{approval("/p", "1"), approval("/q", "7")}, all); diff != "" || err != nil {
		t.Errorf("List: %v\n%s", err, diff)
	}
	if had, err := s.Revoke("/p"); !had || err != nil {
		t.Errorf("Revoke = %v, %v", had, err)
	}
	allows("/p", "1", false)
	allows("/q", "7", true)
}

// TestRecordsOfOthersCountForNothing: what somebody else could have written, or
// nobody can read, is no approval.
func TestRecordsOfOthersCountForNothing(t *testing.T) {
	good := approval("/p", "1")
	for name, spoil := range map[string]func(file string) error{
		"writable by the group": func(f string) error { return os.Chmod(f, 0o660) },
		"a link": func(f string) error {
			return errors.Join(os.Rename(f, f+".real"), os.Symlink(f+".real", f))
		},
		"a folder": func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
		"cut":      func(f string) error { return os.Truncate(f, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			s := Open(t.TempDir())
			if err := s.Approve(good); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(s.file("/p"))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%v, %v", info, err)
			}
			if dir, err := os.Stat(s.dir); err != nil || dir.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", dir, err)
			}
			if err := spoil(s.file("/p")); err != nil {
				t.Fatal(err)
			}
			if ok, err := s.Allows("/p", "1"); ok || fault.CodeOf(err) != CodeRecord {
				t.Errorf("Allows = %v, %v", ok, err)
			}
			if name == "a folder" {
				return
			}
			if err := s.Approve(good); err != nil { // approved anew, the record is the user's own again
				t.Error(err)
			}
			if ok, err := s.Allows("/p", "1"); !ok || err != nil {
				t.Errorf("Allows = %v, %v", ok, err)
			}
		})
	}
}

func TestNoPlace(t *testing.T) {
	s := Open("")
	if ok, err := s.Allows("/p", "1"); ok || err != nil {
		t.Errorf("Allows = %v, %v", ok, err)
	}
	if err := s.Approve(approval("/p", "1")); fault.CodeOf(err) != CodeNoPlace {
		t.Errorf("Approve = %v", err)
	}
	if all, err := s.List(); all != nil || err != nil {
		t.Errorf("List = %v, %v", all, err)
	}
}
