package prompts

// SummaryInput asks for a summary of what checks found.
type SummaryInput struct{ Task, Facts string }

// Summary asks for a summary; package engine/wording holds the reply against Facts.
func (w *Words) Summary(in SummaryInput) (string, error) { return w.render("summary", in) }
