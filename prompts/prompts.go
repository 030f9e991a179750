package prompts

// File is a piece of context that goes into a prompt.
type File struct {
	Path string // as shown to the model; relative, with slashes
	Kind string // "outline", "file", "text"
	Text string
	Cut  bool // Text is not all there is
}
