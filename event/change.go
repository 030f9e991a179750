package event

// Changes is what a change does to the files of a tree, and how well each was
// checked.
type Changes struct {
	Base  string       `json:"base,omitempty"` // folder that the diff's paths were taken relative to; "" is the root
	Files []FileChange `json:"files"`
}

// FileChange is what happens to one file.
type FileChange struct {
	Path      string `json:"path"`
	From      string `json:"from,omitempty"` // where a renamed or copied file lay
	Action    string `json:"action"`         // "create", "change", "delete", "rename", "copy", "mode", "none"
	Added     int    `json:"added,omitempty"`
	Removed   int    `json:"removed,omitempty"`
	Moves     []Move `json:"moves,omitempty"`
	CRLF      bool   `json:"crlf,omitempty"` // line feeds of the diff became the file's CRLF
	Checked   string `json:"checked"`        // "tested", "compiled only", "checked", "not checked", ...
	Why       string `json:"why,omitempty"`
	Lines     int    `json:"lines,omitempty"`     // changed lines that coverage counts
	Executed  int    `json:"executed,omitempty"`  // of those, the ones that a test ran
	Sensitive string `json:"sensitive,omitempty"` // why the file runs without being called
}

// Move is a hunk that landed elsewhere than its header says.
type Move struct {
	Hunk int `json:"hunk"`
	From int `json:"from"` // lines, from 1
	To   int `json:"to"`
}

// Mismatch is a hunk whose text is not in its file: what it wants, and what
// stands at the place most like it.
type Mismatch struct {
	File     string   `json:"file"`
	Hunk     int      `json:"hunk"`
	DiffLine int      `json:"diff_line"` // of its header
	Line     int      `json:"line"`      // of the first line of Have in the file
	Want     []string `json:"want,omitempty"`
	Have     []string `json:"have,omitempty"`
	Why      string   `json:"why"`
}

// Diff is a unified diff of one file, for a dry run.
type Diff struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Verdict says whether a change may land.
type Verdict struct {
	Land        bool     `json:"land"`
	Why         []string `json:"why,omitempty"` // reasons against
	Mended      int      `json:"mended,omitempty"`
	TestsBefore int      `json:"tests_before"`
	TestsNow    int      `json:"tests_now"`
}

// Touch is what a landing did to one file.
type Touch struct {
	Path   string `json:"path"`
	Action string `json:"action"` // "create", "change", "delete", "mode"
}

// Landed tells of a change that is in the user's tree now.
type Landed struct {
	ID     string   `json:"id,omitempty"` // for cf undo; "" when the tree was so already
	Files  []Touch  `json:"files"`
	Git    string   `json:"git,omitempty"` // the git commit that it became
	DryRun bool     `json:"dry_run,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// Undone tells of a landing that was taken back.
type Undone struct {
	ID     string   `json:"id,omitempty"` // of the undo itself: cf undo ID takes it back
	Undoes string   `json:"undoes"`
	Files  []Touch  `json:"files"`
	DryRun bool     `json:"dry_run,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// Recovered tells of a landing that had been cut short and was taken back.
type Recovered struct {
	ID    string   `json:"id"`
	Title string   `json:"title,omitempty"`
	Files []string `json:"files,omitempty"` // put back
	Kept  []string `json:"kept,omitempty"`  // left as they are: somebody changed them since
	Why   string   `json:"why,omitempty"`   // why more could not be done
}

// Type returns "changes".
func (Changes) Type() string { return "changes" }

// Type returns "mismatch".
func (Mismatch) Type() string { return "mismatch" }

// Type returns "diff".
func (Diff) Type() string { return "diff" }

// Type returns "verdict".
func (Verdict) Type() string { return "verdict" }

// Type returns "landed".
func (Landed) Type() string { return "landed" }

// Type returns "undone".
func (Undone) Type() string { return "undone" }

// Type returns "recovered".
func (Recovered) Type() string { return "recovered" }
