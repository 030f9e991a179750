package disk

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	path := Path(dir, "../../sha256:x", ".json")
	if filepath.Dir(path) != dir {
		t.Fatalf("the path is %s", path)
	}
	if _, err := Read(path, 10); !os.IsNotExist(err) {
		t.Errorf("read what is not there: %v", err)
	}
	for _, text := range []string{"one", "two"} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path, 3); err != nil || string(got) != text {
			t.Errorf("read %q, %v", got, err)
		}
	}
	if _, err := Read(path, 2); err == nil {
		t.Error("a file over its length was read")
	}
	if _, err := Read(dir, 1<<20); err == nil {
		t.Error("a folder was read")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
	if err := Write(filepath.Join(path, "below"), nil); err == nil {
		t.Error("a file became a folder")
	}
}
