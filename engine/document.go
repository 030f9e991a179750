package engine

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/bitactor/cf/engine/gather"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
	"github.com/bitactor/cf/llm"
	"github.com/bitactor/cf/prompts"
)

// isDocument tells whether a file is Markdown, which is written section by
// section.
func isDocument(file string) bool {
	ext := strings.ToLower(path.Ext(file))
	return ext == ".md" || ext == ".markdown"
}

// document is the writing of one Markdown file.
type document struct {
	*run
	all      []section
	write    []int          // of all: sections to be written
	texts    map[int]string // what was written
	input    prompts.DocumentInput
	grounds  grounds
	seen     prompts.Seen // what the model was shown
	attempts map[int]int
}

// sectionTokens is the longest reply for one section.
const sectionTokens = 480

// document writes the sections of a Markdown file one by one, then has the whole
// checked; sections with findings are written anew.
func (e *Engine) document(ctx context.Context, f *files, request Request) (*Outcome, error) {
	r := &run{Engine: e, request: request, files: f, seen: map[string]int{}, out: &Outcome{Path: request.Path, Best: -1}}
	d := &document{run: r, texts: map[int]string{}, attempts: map[int]int{}}
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	if err := d.gather(ctx); err != nil {
		return nil, err
	}
	s := r.strategy(request.Level)
	r.Events.Emit(d.estimate(s))
	for round := range s.samples + s.rounds {
		c, err := d.attempt(ctx, round, s)
		if err != nil {
			return r.out, err
		}
		if c.passed() {
			r.out.Won = []int{r.out.Best}
			return r.out, nil
		}
		if c.Trial == nil || !d.drop(c) {
			break // nothing that another try would change
		}
	}
	return r.out, r.verdict()
}

// open reads the document and finds the sections to be written.
func (d *document) open(ctx context.Context) error {
	t := &target{path: d.request.Path}
	d.target = t
	if d.files.kind(t.path) == "" {
		d.files.absent(t.path)
	} else {
		data, err := d.files.read(t.path)
		if err != nil {
			return err
		}
		t.exists, t.present = true, string(data)
	}
	if strings.TrimSpace(t.present) == "" {
		t.present = "# " + titleOf(t.path) + "\n"
		for _, title := range outlineOf(t.path, d.request.Instructions) {
			t.present += "\n## " + title + "\n"
		}
	}
	d.all = sectionsOf(t.present)
	if err := d.choose(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return t.showable()
}

// choose finds the sections: the one that was named, those that the instructions
// name, else the empty ones.
func (d *document) choose() error {
	t, r := d.target, d.request
	for i, s := range d.all {
		switch {
		case r.Symbol != "":
			if strings.EqualFold(s.title, r.Symbol) {
				d.write = append(d.write, i)
			}
		case t.exists && r.Instructions != "" && mentions(r.Instructions, s.title):
			d.write = append(d.write, i)
		}
	}
	if r.Symbol == "" && len(d.write) == 0 {
		for i, s := range d.all {
			holds := i+1 < len(d.all) && d.all[i+1].level > s.level
			if strings.TrimSpace(t.present[s.start:s.end]) == "" && !holds {
				d.write = append(d.write, i)
			}
		}
	}
	if len(d.write) > 0 {
		return nil
	}
	var titles []string
	for _, s := range d.all {
		titles = append(titles, s.title)
	}
	hint := "its sections: " + strings.Join(titles, ", ")
	switch {
	case r.Symbol != "":
		return fault.New(fault.Usage, CodeNoSymbol, "no section is called %q", r.Symbol).On("implement", t.path).Hint(hint)
	case r.Instructions != "":
		return fault.New(fault.Usage, CodeWhichSymbol, "no section is empty, and the instructions name none").On("implement", t.path).
			Hint("name it: "+t.path+"#TITLE", hint)
	}
	return fault.New(fault.Usage, CodeNothing, "no section is empty").On("implement", t.path).
		Hint("say what to change: --instructions TEXT", "or name what to write anew: "+t.path+"#TITLE")
}

// mentions tells whether a text holds a title, as whole words.
func mentions(text, title string) bool {
	words := func(s string) string {
		return " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) }), " ") + " "
	}
	return len(title) > 3 && strings.Contains(words(text), words(title))
}

// gather reads what the document is about.
func (d *document) gather(ctx context.Context) error {
	in := prompts.DocumentInput{Path: d.target.path, Instructions: strings.TrimSpace(d.request.Instructions)}
	if len(d.all) > 0 && d.all[0].level == 1 {
		in.Title = d.all[0].title
	} else {
		in.Title = titleOf(d.target.path)
	}
	for _, s := range d.all {
		if s.title != in.Title {
			in.Titles = append(in.Titles, s.title)
		}
	}
	longest := 0
	for _, i := range d.write {
		longest = max(longest, d.Counter.Count(d.target.present[d.all[i].start:d.all[i].end]))
	}
	left := d.window() - sectionTokens - longest - d.Counter.Count(strings.Join(in.Titles, " ")+in.Instructions) - 400
	if left < 0 {
		return fault.New(fault.Failed, CodeNoRoom, "prompt and reply need %d tokens more than the window of %d", -left, d.window()).On("implement", d.target.path)
	}
	task := strings.Join(append([]string{in.Title, in.Instructions}, in.Titles...), " ")
	found, err := gather.Gather(ctx, d.Tree, gather.Input{Task: task, Budget: min(left, 2*d.outlineTokens()), Count: d.Counter.Count, Sink: d.Events})
	if err != nil {
		return err
	}
	var shown strings.Builder
	for _, p := range found.Pieces {
		if p.Path == d.target.path {
			continue
		}
		in.Files = append(in.Files, prompts.File{Path: p.Path, Kind: string(p.Kind), Text: p.Text, Cut: p.Cut, Fence: p.Fence})
		shown.WriteString(p.Path + "\n" + p.Text + "\n")
	}
	shown.WriteString(d.request.Instructions + "\n" + d.target.present)
	d.input = in
	d.grounds = grounds{
		dir: path.Dir(d.target.path), shown: shown.String(),
		there: func(p string) bool { p = path.Clean(p); return p == d.target.path || d.files.kind(p) != "" },
	}
	d.seen.Add(shown.String())
	return nil
}

func (d *document) estimate(s strategy) event.Estimate {
	e := event.Estimate{Path: d.target.path, Candidates: s.samples + s.rounds, ReplyTokens: len(d.write) * sectionTokens}
	for _, i := range d.write {
		e.Symbols = append(e.Symbols, d.all[i].title)
	}
	if messages, err := d.question(d.write[0]); err == nil {
		e.PromptTokens = d.Counter.CountMessages(messages)
	}
	return timed(e, d.Profile)
}

// attempt writes the sections that are missing, and has the document checked.
func (d *document) attempt(ctx context.Context, round int, s strategy) (*Candidate, error) {
	c := &Candidate{Path: d.target.path, Round: round, Seed: d.Seed, Temperature: d.temperature(round)}
	for _, i := range d.write {
		c.Symbols = append(c.Symbols, d.all[i].title)
		if _, done := d.texts[i]; done {
			continue
		}
		if err := d.section(ctx, c, i, s.samples+s.spare); err != nil || c.Why != "" {
			d.keep(c)
			return c, err
		}
	}
	c.Source = d.compose()
	if names := d.grounds.invented(c.Source); len(names) > 0 {
		d.Events.Emit(event.Note{Level: "warn", Text: "the text names files that are not there: " + strings.Join(names, ", ")})
	}
	err := d.check(ctx, c)
	d.keep(c)
	return c, err
}

// section asks for one section until an answer is of use; of several that name
// files which are not there, the one with the fewest is taken.
func (d *document) section(ctx context.Context, c *Candidate, i, tries int) error {
	title := d.all[i].title
	step := event.Step{ID: "section." + fmt.Sprint(i+1), Title: "section " + title, State: event.Begin}
	d.Events.Emit(step)
	best, fewest, why := "", -1, ""
	for range tries {
		text, reason, err := d.ask(ctx, c, i)
		if err != nil {
			step.State, step.Detail = event.Failing, err.Error()
			d.Events.Emit(step)
			return err
		}
		if reason != "" {
			why = reason
			continue
		}
		if n := len(d.grounds.invented(text)); fewest < 0 || n < fewest {
			best, fewest = text, n
		}
		if fewest == 0 {
			break
		}
	}
	if fewest < 0 {
		c.Why, c.Code = title+": "+why, CodeThin
		step.State, step.Detail = event.Failing, why
	} else {
		d.texts[i] = best
		step.State = event.Done
	}
	d.Events.Emit(step)
	return nil
}

// sentencesMin is how many sentences of its own a section must hold.
const sentencesMin = 2

// ask makes one call for a section. why says what is wrong with the answer.
func (d *document) ask(ctx context.Context, c *Candidate, i int) (text, why string, err error) {
	messages, err := d.question(i)
	if err != nil {
		return "", "", err
	}
	n := d.attempts[i]
	d.attempts[i]++
	if c.PromptHash == "" {
		c.PromptHash = hashOf(messages)
	}
	tokens := int64(0)
	got, err := d.Provider.Chat(ctx, llm.Request{
		Model: d.Model.Name, Name: "document", Messages: messages, MaxTokens: sectionTokens, Temperature: d.temperature(n), Seed: d.Seed + int64(n),
		Restart: func() { tokens = 0 },
	}, func(llm.Chunk) error {
		tokens++
		d.Events.Emit(event.Progress{ID: "section." + fmt.Sprint(i+1), Unit: "tokens", Done: tokens, Total: sectionTokens})
		return ctx.Err()
	})
	c.Calls = append(c.Calls, got.Call)
	d.Events.Emit(got.Call)
	d.note(err)
	if err != nil {
		if fault.KindOf(err) == fault.Unusable {
			return "", err.Error(), nil
		}
		return "", "", err
	}
	text = sectionText(got.Text, d.all[i], got.Stop == llm.StopLength, d.grounds)
	said := d.seen.Clone()
	for _, other := range d.texts {
		said.Add(other)
	}
	if own := len(said.Own(text)); own < sentencesMin {
		return "", fmt.Sprintf("%d sentences of its own, fewer than %d", own, sentencesMin), nil
	}
	return text, "", nil
}

func (d *document) question(i int) ([]llm.Message, error) {
	s := d.all[i]
	one := prompts.DocumentSectionInput{Path: d.target.path, Section: s.title}
	if now := strings.TrimSpace(d.target.present[s.start:s.end]); now != "" {
		f := fenceable(prompts.File{Path: d.target.path, Text: now})
		one.Present = &f
	}
	system, user, err := d.Words.DocumentSection(d.input, one)
	return messages(system, user), err
}

// compose puts the texts below their headings. Every other byte stays.
func (d *document) compose() string {
	var b strings.Builder
	at := 0
	for _, i := range d.write {
		s := d.all[i]
		b.WriteString(d.target.present[at:s.start])
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
		b.WriteString("\n" + d.texts[i] + "\n")
		if s.end < len(d.target.present) {
			b.WriteString("\n")
		}
		at = s.end
	}
	b.WriteString(d.target.present[at:])
	return likeLines(d.target.present, b.String())
}

// drop forgets the sections that findings lie in, and tells whether there were
// any.
func (d *document) drop(c *Candidate) bool {
	now := sectionsOf(c.Source)
	dropped := false
	for _, f := range c.Wrong.New {
		if f.File != d.target.path {
			continue
		}
		for i, s := range now {
			from, to := strings.Count(c.Source[:s.start], "\n"), strings.Count(c.Source[:s.end], "\n")
			if f.Line < from || f.Line > to {
				continue
			}
			for _, k := range d.write {
				if _, done := d.texts[k]; done && d.all[k].title == now[i].title {
					delete(d.texts, k)
					dropped = true
				}
			}
		}
	}
	return dropped
}
