package prompts

// DocumentInput is what all sections of a document are written from.
type DocumentInput struct {
	Files        []File
	Path         string
	Title        string
	Titles       []string // of its sections
	Instructions string   // the user's words
}

// DocumentSectionInput asks for one section.
type DocumentSectionInput struct {
	Path, Section string
	Present       *File // what it says now; nil: nothing
}

// DocumentSection returns the system text and the user message for one section.
// Every section of a document shares all but the end.
func (w *Words) DocumentSection(all DocumentInput, one DocumentSectionInput) (system, user string, err error) {
	if system, err = w.System(); err != nil {
		return "", "", err
	}
	head, err := w.render("document", all)
	if err != nil {
		return "", "", err
	}
	tail, err := w.render("document-section", one)
	return system, head + "\n" + tail, err
}
