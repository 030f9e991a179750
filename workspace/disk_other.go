//go:build !linux

package workspace

import (
	"errors"
	"math"
	"os"
)

// Without Linux's calls, swap and move use second names, mount points are not
// seen, and free space is found out by writing.

func renameExchange(*os.File, string, string) error { return errors.ErrUnsupported }

func renameNew(*os.File, string, string) error { return errors.ErrUnsupported }

func mounted(*os.File, string) bool { return false }

func roomOf(*os.File) (room, error) { return room{free: -1}, nil }

func fileBytesLimit() int64 { return math.MaxInt64 }
