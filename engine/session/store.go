package session

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bitactor/cf/fault"
)

// Bounds of what is stored and read back.
const (
	maxFileBytes = 8 << 20 // of one session.json or turn
	maxTurns     = 999     // of one session
	maxSessions  = 10_000  // listed
)

// folder is where sessions live below the project's root.
const folder = ".cf/sessions"

// Store keeps the sessions of one project. It is safe for concurrent use by
// several processes as long as they do not save the same session.
type Store struct{ dir string }

// Open returns the store of the project at root, an absolute path. Nothing is
// made on disk before the first Save.
func Open(root string) *Store { return &Store{dir: root} }

// Path returns where the session with the given ID lies, relative to the root.
func (st *Store) Path(id string) string { return path.Join(folder, id) }

// Save stores s with all its turns: new and changed ones are written, then
// session.json.
func (st *Store) Save(s *Session) error {
	if !ValidID(s.ID) {
		return badID(s.ID)
	}
	if len(s.Turns) > maxTurns {
		return fault.New(fault.Failed, "session-full", "a session holds at most %d turns", maxTurns).
			On("save session", s.ID)
	}
	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return failed(err, "save session", s.ID)
	}
	defer root.Close()
	if err := st.save(root, s); err != nil {
		return failed(err, "save session", s.ID)
	}
	return nil
}

func (st *Store) save(root *os.Root, s *Session) error {
	dir := st.Path(s.ID)
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := ignoreSelf(root); err != nil {
		return err
	}
	for i := range s.Turns {
		name := turnName(i)
		raw, err := encode(&s.Turns[i])
		if err != nil {
			return err
		}
		if err := writeFile(root, path.Join(dir, name+".json"), raw); err != nil {
			return err
		}
		if err := writeFile(root, path.Join(dir, name+".md"), []byte(s.Turns[i].Markdown())); err != nil {
			return err
		}
	}
	raw, err := encode(s)
	if err != nil {
		return err
	}
	return writeFile(root, path.Join(dir, "session.json"), raw)
}

// ignoreSelf makes .cf ignore itself in git: nobody should commit sessions
// without wanting to. A file that is there is left as it is.
func ignoreSelf(root *os.Root) error {
	f, err := root.OpenFile(".cf/.gitignore", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	return errors.Join(err, f.Close())
}

// Load returns the session whose ID is id, or starts with id where only one
// does.
func (st *Store) Load(id string) (*Session, error) {
	full, err := st.resolve(id)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return nil, failed(err, "read session", id)
	}
	defer root.Close()
	s, err := load(root, full)
	if err != nil {
		return nil, failed(err, "read session", full)
	}
	return s, nil
}

// Latest returns the session that was changed last. Kind Usage if there is none.
func (st *Store) Latest() (*Session, error) {
	all, _, err := st.List()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Usage, "no-session", "there is no session to continue").
			Hint(`start one with: cf ultrathink "task"`)
	}
	newest := slices.MaxFunc(all, func(a, b *Session) int { return a.Updated.Compare(b.Updated) })
	return st.Load(newest.ID)
}

// List returns the sessions without their turns' texts loaded, newest first,
// and an error for each entry that was skipped because it could not be read.
// Turns has its length only when a session was loaded by Load.
func (st *Store) List() ([]*Session, []error, error) {
	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return nil, nil, failed(err, "list sessions", st.dir)
	}
	defer root.Close()
	ids, skipped, err := entries(root)
	if err != nil {
		return nil, nil, failed(err, "list sessions", folder)
	}
	var all []*Session
	for _, id := range ids {
		s, err := loadHead(root, id)
		if err != nil {
			skipped = append(skipped, failed(err, "skipped session", id))
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int { return cmp.Compare(b.ID, a.ID) })
	return all, skipped, nil
}

// Remove deletes the session with the given ID; a prefix will not do.
func (st *Store) Remove(id string) error {
	if !ValidID(id) {
		return badID(id)
	}
	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return failed(err, "remove session", id)
	}
	defer root.Close()
	info, err := root.Lstat(st.Path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return missing(id)
	}
	if err != nil {
		return failed(err, "remove session", id)
	}
	if !info.IsDir() {
		return fault.New(fault.Failed, "session-foreign", "is not a folder").On("remove session", id)
	}
	if err := root.RemoveAll(st.Path(id)); err != nil {
		return failed(err, "remove session", id)
	}
	return nil
}

// resolve turns a unique prefix into an ID.
func (st *Store) resolve(prefix string) (string, error) {
	if !validPrefix(prefix) {
		return "", badID(prefix)
	}
	root, err := os.OpenRoot(st.dir)
	if err != nil {
		return "", failed(err, "read session", prefix)
	}
	defer root.Close()
	ids, _, err := entries(root)
	if err != nil {
		return "", failed(err, "read session", prefix)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, prefix) })
	switch len(ids) {
	case 0:
		return "", missing(prefix)
	case 1:
		return ids[0], nil
	}
	return "", fault.New(fault.Usage, "session-ambiguous", "%q is the start of %d sessions", prefix, len(ids)).
		Hint("they are: " + strings.Join(ids[:min(len(ids), 5)], ", "))
}

func missing(id string) error {
	return fault.New(fault.Usage, "no-session", "no session %q", id).Hint("cf session list shows what there is")
}

// failed gives err the form in which it leaves the package.
func failed(err error, op, who string) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return fault.New(fault.Failed, "session-io", "%w", err).On(op, who)
}

// entries returns the IDs in the sessions folder and an error for what is no
// session.
func entries(root *os.Root) (ids []string, foreign []error, err error) {
	dir, err := root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	found, err := dir.ReadDir(maxSessions)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	for _, e := range found {
		if !e.IsDir() || !ValidID(e.Name()) {
			foreign = append(foreign, fault.New(fault.Failed, "session-foreign", "is no session").
				On("skipped", fmt.Sprintf("%q", e.Name())))
			continue
		}
		ids = append(ids, e.Name())
	}
	slices.Sort(ids)
	return ids, foreign, nil
}

func turnName(i int) string { return fmt.Sprintf("%03d", i+1) }

func encode(v any) ([]byte, error) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	if len(raw) >= maxFileBytes {
		return nil, fmt.Errorf("%d bytes are over the limit of %d", len(raw), maxFileBytes)
	}
	return append(raw, '\n'), nil
}
