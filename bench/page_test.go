package bench

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	update = flag.Bool("update", false, "write the goldens anew")
	shots  = flag.String("shots", "", "folder for the whole page at every screen, to be looked at")
)

// screens are those that the page is made for.
var screens = []screen{
	{"phone-light", 390, 844, "light", ""},
	{"phone-dark", 390, 844, "dark", ""},
	{"desktop-light", 1440, 900, "light", ""},
	{"desktop-dark", 1440, 900, "dark", ""},
}

// pageDocument has everything that a page can show, the same each time.
func pageDocument() *Document {
	random := rand.New(rand.NewPCG(5, 6))
	report := func(title string, scale, slowdown float64, names ...string) *Report {
		r := &Report{
			Title: title, Time: time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC), Noise: Noise{Available: true, Busy: 0.5, GapShare: 0.09, GapMaxUS: 812},
			Machine:    Machine{CPU: "A Processor(R) With a Long Name @ 2.60GHz", Cores: 8, OS: "linux", Arch: "amd64", Kernel: "6.1", Go: "go1.26", Guest: true},
			Conditions: []string{"wall time from start to end, 60 rounds in turn after three that are not counted"},
			Claims: []Claim{
				{"a start", "at most 10 ms", "8.2 ms", "files and caches are warm; input is empty, output goes to a pipe", true},
				{"a start beside a very long name of what is measured", "at most 1.1x", "1.32x (3.86 of 2.93 ticks)", "only the drains timed, both with two tick reads a batch; filling included: see the rows of batch 64", false},
			},
		}
		table := Table{Title: title + ": all rows", Columns: []string{"case", "median", "95 % interval", "least", "90 % below", "batch", "slots", "trace", "limit", "share"}}
		for i, name := range names {
			samples := series(random, 60, scale*math.Pow(3, float64(i))*slowdown)
			m := Measure{Case: name, NS: Estimated(samples), Samples: samples, Disturbed: i}
			if i > 0 {
				m.Limit, m.Share = names[0], 1.2/float64(i+1)
			}
			r.Measures = append(r.Measures, m)
			table.Rows = append(table.Rows, []string{name, nanoseconds(m.NS.Median), nanoseconds(m.NS.Low) + " to " + nanoseconds(m.NS.High), nanoseconds(m.NS.Least), nanoseconds(m.NS.P90), "32", "64", "off", "4.65", "83 %"})
		}
		r.Tables = []Table{table}
		return r
	}
	names := []string{"a program that does nothing", "cf --version", "an operation whose name does not fit into one line of a phone"}
	d := &Document{Reports: []*Report{report("What a start of cf costs", 0.1, 1, names...), report("What a signal costs", 1e-7, 1, "a tick read", "SPSC, batch 8")}, Against: "the run in base.json", Quick: true, Stopped: true}
	for i := range 5 {
		l := Latency{Case: fmt.Sprint("GET /livez at ", i), How: "open loop, 200 a second for 5 s", NS: &Histogram{}}
		for range 2000 {
			l.NS.Add(uint64(math.Exp(12 + float64(i)/3 + random.NormFloat64() + 2*max(0, random.NormFloat64()-2))))
		}
		d.Reports[0].Latencies = append(d.Reports[0].Latencies, l)
	}
	d.Changes = Against(d.Reports, []*Report{report("What a start of cf costs", 0.1, 0.9, names...), report("What a signal costs", 1e-7, 1.2, "a tick read", "SPSC, batch 8")})
	d.Balances = []Balance{
		{"signals sent under overload", "sent: 19200", "handled + unhandled + refused + waiting: 19200", true},
		{"spans received", "received: 100", "sent, by the system's own counter: 101", false},
	}
	for i := range 6 {
		p := d.PastOf()
		p.Time = p.Time.AddDate(0, 0, i-6)
		p.Medians["cf --version"] *= 1 + 0.05*float64(i)
		p.Medians["a tick read"] /= 1 + 0.1*float64(i)
		d.History = append(d.History, p)
	}
	return d
}

func rendered(t *testing.T) []byte {
	t.Helper()
	var page bytes.Buffer
	if err := pageDocument().HTML(&page); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// faultsOf is JavaScript that lists what is wrong with a page as it is laid out: what
// reaches over the screen, texts that touch each other in a plot, contrast below WCAG 2
// level AA (https://www.w3.org/TR/WCAG21/#contrast-minimum, 1.4.3 for text and 1.4.11
// for marks), plots without a name, tables that do not scroll in their box.
const faultsOf = `(() => {
  const faults = [], screen = SCREEN;
  const name = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' "' + (e.textContent || '').trim().slice(0, 40) + '"';
  const seen = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
  const box = document.documentElement.scrollWidth;
  if (box > screen) faults.push('the page is ' + box + ' wide');
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.wide') && !e.matches('.wide') || !seen(e)) continue;
    const r = e.getBoundingClientRect();
    if (r.left < -0.5 || r.right > screen + 0.5) faults.push('over the edge: ' + name(e) + ' ' + r.left + '..' + r.right);
  }
  for (const svg of document.querySelectorAll('svg')) {
    const texts = [...svg.querySelectorAll('text')].filter(seen).map(e => [e, e.getBoundingClientRect()]);
    for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length; j++) {
      const [a, r] = texts[i], [b, s] = texts[j];
      if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 1 && s.top < r.bottom - 1) faults.push('touch: ' + name(a) + ' and ' + name(b));
    }
    if (svg.getAttribute('aria-hidden') !== 'true' && !svg.closest('[aria-hidden=true]') && !(svg.getAttribute('role') === 'img' && (svg.getAttribute('aria-label') || '').length > 10)) faults.push('no name: ' + svg.outerHTML.slice(0, 80));
  }
  for (const row of document.querySelectorAll('.row')) {
    const parts = [...row.children].filter(seen).map(e => e.getBoundingClientRect());
    for (let i = 0; i < parts.length; i++) for (let j = i + 1; j < parts.length; j++) {
      const r = parts[i], s = parts[j];
      if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 1 && s.top < r.bottom - 1) faults.push('parts of a row touch: ' + name(row));
    }
  }
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = e => { let c = [255, 255, 255]; const chain = []; for (; e; e = e.parentElement) chain.push(parse(getComputedStyle(e).backgroundColor)); for (const top of chain.reverse()) c = over(top, c); return c; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  let contrasts = 0;
  const check = (e, colour, least, what) => { contrasts++; const under = paper(e), got = ratio(over(parse(colour), under), under); if (got < least) faults.push(what + ' of contrast ' + got.toFixed(2) + ': ' + name(e)); };
  for (const e of document.querySelectorAll('body *')) {
    if (!seen(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const s = getComputedStyle(e), size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && s.fontWeight >= 700;
    if (e.tagName !== 'title') check(e, e.ownerSVGElement ? s.fill : s.color, large ? 3 : 4.5, 'text');
  }
  for (const e of document.querySelectorAll('.median, .line, .at, .one, .bar .span')) { const s = getComputedStyle(e); check(e, s.stroke !== 'none' ? s.stroke : s.fill !== 'none' ? s.fill : s.color, 3, 'a mark'); }
  if (contrasts < 100) faults.push('only ' + contrasts + ' contrasts were looked at');
  for (const e of document.querySelectorAll('table')) {
    const b = e.closest('.wide');
    if (!b || b.tabIndex !== 0 || !b.getAttribute('aria-label') || !['auto', 'scroll'].includes(getComputedStyle(b).overflowX)) faults.push('a table outside of a box that scrolls: ' + name(e));
  }
  if (!document.querySelector('html[lang]') || !document.title || document.querySelectorAll('h1').length !== 1) faults.push('no language, title or single heading');
  const count = q => document.querySelectorAll(q).length;
  for (const q of ['.card .heap', '.card .runs-of .line', '.past .line', '.plot .median', '.bar', '.slower', '.faster', '.curve-box .line', '.chips .bad', 'tr.no', 'tr.yes']) if (!count(q)) faults.push('nothing of ' + q);
  if (!/[0-9] (ns|us|ms|s)\b/.test(document.querySelector('main').innerText)) faults.push('no units');
  return faults;
})()`

// faults looks at the page at a screen: what is wrong with it, and what it asked for.
func (b *browser) faults(page []byte, s screen) []string {
	b.t.Helper()
	b.look(page, s)
	var faults []string
	b.evaluate(strings.Replace(faultsOf, "SCREEN", strconv.Itoa(s.width), 1), &faults)
	requests := 0
	for _, e := range b.events {
		switch e.Method {
		case "Network.requestWillBeSent":
			requests++ // the page itself
		case "Log.entryAdded", "Runtime.exceptionThrown":
			faults = append(faults, fmt.Sprint("the browser says: ", e.Params))
		}
	}
	if requests > 1 {
		faults = append(faults, fmt.Sprintf("%d requests", requests))
	}
	return faults
}

// TestPage looks at the page on a phone and on a desktop, light and dark: by its
// structure, and by a coarse picture of what the screen shows first.
func TestPage(t *testing.T) {
	b, page := startBrowser(t), rendered(t)
	for _, s := range screens {
		for _, fault := range b.faults(page, s) {
			t.Errorf("%s: %s", s.name, fault)
		}
		if *shots != "" {
			if err := os.WriteFile(filepath.Join(*shots, s.name+".png"), b.picture(true), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.evaluate(masked, new(bool))
		small := shrunk(t, b.picture(false))
		golden := filepath.Join("testdata", "page-"+s.name+".png")
		if *update {
			writePNG(t, golden, small)
		}
		if far := distance(t, golden, small); far > pictureTolerance {
			t.Errorf("%s: the picture is %.2f from %s (go test ./bench -run TestPage -update writes it anew, -shots FOLDER shows whole pages)", s.name, far, golden)
		}
	}
}

// TestBrokenPage: the checks of TestPage find what may go wrong.
func TestBrokenPage(t *testing.T) {
	b, page := startBrowser(t), string(rendered(t))
	for _, c := range []struct{ name, old, with, fault string }{
		{"too wide", ".card { margin: 0;", ".card { margin: 0; width: 50rem;", "the page is"},
		{"faint text", "--soft: #57606a", "--soft: #b0b0b0", "text of contrast"},
		{"faint marks", "--fill: #0a66c2", "--fill: #d0e0f0", "a mark of contrast"},
		{"ticks that touch", `.row text { font-size: .75rem`, `.row text { font-size: 2rem`, "touch:"},
		{"a table that does not scroll", ".wide { overflow-x: auto;", ".wide {", "outside of a box"},
		{"a plot without a name", `role="img" aria-label="`, `role="img" data-label="`, "no name"},
		{"a script", "<main>", `<main><script>throw 1</script>`, "the browser says"},
		{"no medians", `class="median"`, `class="other"`, "nothing of .plot .median"},
	} {
		broken := strings.ReplaceAll(page, c.old, c.with)
		if broken == page {
			t.Errorf("%s: the page holds no %q", c.name, c.old)
		}
		if faults := strings.Join(b.faults([]byte(broken), screens[0]), "\n"); !strings.Contains(faults, c.fault) {
			t.Errorf("%s: found %q", c.name, faults)
		}
	}
	for _, with := range []string{`<main style="display: none">`, `<main style="padding-top: 2rem">`, `<main style="width: 80%">`} {
		b.look([]byte(strings.ReplaceAll(page, "<main>", with)), screens[2])
		b.evaluate(masked, new(bool))
		if far := distance(t, filepath.Join("testdata", "page-"+screens[2].name+".png"), shrunk(t, b.picture(false))); far <= pictureTolerance {
			t.Errorf("%s is %.2f from the golden picture", with, far)
		}
	}
}

// TestPrintedPage: on paper it is dark on light, whatever the screen is, and no table
// is cut off.
func TestPrintedPage(t *testing.T) {
	b := startBrowser(t)
	b.look(rendered(t), screen{"print", 794, 1123, "dark", "print"})
	var ground string
	b.evaluate(`getComputedStyle(document.body).backgroundColor`, &ground)
	if ground != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", ground)
	}
	var cut []string
	b.evaluate(`[...document.querySelectorAll('.wide')].filter(e => getComputedStyle(e).overflowX !== 'visible').map(e => e.ariaLabel)`, &cut)
	if len(cut) > 0 {
		t.Errorf("cut off: %q", cut)
	}
	var pdf struct{ Data string }
	b.command("Page.printToPDF", map[string]any{"printBackground": false}, &pdf)
	if len(pdf.Data) < 10_000 {
		t.Errorf("a PDF of %d characters", len(pdf.Data))
	}
}

// masked is JavaScript that puts a grey box of a known size in the place of every word,
// so that the picture depends on no font of this machine.
const masked = `(() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), nodes = [];
  while (walk.nextNode()) if (walk.currentNode.textContent.trim()) nodes.push(walk.currentNode);
  for (const node of nodes) {
    if (node.parentElement.ownerSVGElement) { node.remove(); continue; }
    const words = document.createDocumentFragment();
    for (const word of node.textContent.trim().split(/\s+/)) {
      const box = document.createElement('span');
      box.style = 'display: inline-block; vertical-align: top; height: .8em; margin: .2em .4em 0 0; background: currentcolor; opacity: .5; width: ' + word.length * 0.5 + 'em';
      words.append(box, document.createElement('wbr'));
    }
    node.replaceWith(words);
  }
  document.querySelectorAll('.row .value').forEach(e => e.style.minWidth = '5rem');
  scrollTo(0, 0);
  return true;
})()`

// pictureBlock is the side of the squares that a picture is shrunk to, in pixels.
// pictureTolerance is how far two of them may be apart, as a share of what the golden
// one shows on its ground.
const (
	pictureBlock     = 15
	pictureTolerance = 0.1
)

// shrunk is a PNG as means of its squares.
func shrunk(t *testing.T, data []byte) *image.RGBA {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	size := whole.Bounds().Size().Div(pictureBlock)
	small := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			var sum [3]uint32
			for i := range pictureBlock * pictureBlock {
				r, g, b, _ := whole.At(x*pictureBlock+i%pictureBlock, y*pictureBlock+i/pictureBlock).RGBA()
				sum[0], sum[1], sum[2] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+b>>8
			}
			const n = pictureBlock * pictureBlock
			small.Set(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255})
		}
	}
	return small
}

func writePNG(t *testing.T, name string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// distance is the difference of two pictures by what the golden one shows on its ground,
// the colour of its first corner: 0 is the same, 1 an empty page. Pictures of different
// size are infinitely far.
func distance(t *testing.T, golden string, m *image.RGBA) float64 {
	t.Helper()
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if want.Bounds() != m.Bounds() {
		return math.Inf(1)
	}
	apart := func(a, b color.Color) float64 {
		r, g, b1, _ := a.RGBA()
		r2, g2, b2, _ := b.RGBA()
		return math.Abs(float64(r)-float64(r2)) + math.Abs(float64(g)-float64(g2)) + math.Abs(float64(b1)-float64(b2))
	}
	far, shown := 0.0, 1.0
	for i := range m.Bounds().Dx() * m.Bounds().Dy() {
		x, y := i%m.Bounds().Dx(), i/m.Bounds().Dx()
		far += apart(want.At(x, y), m.At(x, y))
		shown += apart(want.At(x, y), want.At(0, 0))
	}
	return far / shown
}
