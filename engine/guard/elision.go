package guard

import (
	"strings"

	"github.com/bitactor/cf/lazyregexp"
	"github.com/bitactor/cf/syntax"
)

// remarks are the forms in which models say that they left code out. They are
// matched against a comment in lower case without its marks, so they can be
// whole: a comment that merely speaks of "the rest of the code" is none.
var remarks = []*lazyregexp.Regexp{
	lazyregexp.New(`^\W*(\.\.\.|…)\W*$`),
	lazyregexp.New(`^\W*(\.\.\.|…)\W*(and |the |your )*(rest|remain\w*|existing|previous|other|same|unchanged|omitted|implementation|code|more)\b`),
	lazyregexp.New(`^\W*(and |the |your )*(rest|remain\w*|existing|previous|other|same|unchanged|omitted|implementation|code|more)\b.*(\.\.\.|…)\W*$`),
	lazyregexp.New(`^\W*(the )?(rest|remainder) of (the |your |this |that )?(\w+ )?(code|file|function|class|module|implementation|methods?|functions?|logic|tests?)\b(\W*$|.*\b(unchanged|same|remains?|here|omitted|before|above|goes|stays?)\b)`),
	lazyregexp.New(`^\W*(keep |retain |include )?(the |your |all )?(existing|previous|original|other|remaining) (\w+ )?(code|implementation|logic|methods?|functions?|imports?|tests?|fields?|content)\b(\W*$|.*\b(unchanged|same|remains?|here|omitted|before|above|goes|stays?)\b)`),
	lazyregexp.New(`\b(omitted|elided|left out|truncated|shortened) for (brevity|clarity|simplicity|space)\b`),
	lazyregexp.New(`^\W*(same as (before|above)|(remains? |stays? |is )?unchanged|no changes?( needed| required| here)*|as before)\W*$`),
	lazyregexp.New(`\b(your|add|put|insert|write|place) (your |the |actual )?(\w+ )?(code|implementation|logic) (goes |should go |comes )?here\b`),
	lazyregexp.New(`^\W*(\.\.\.|…).*(\.\.\.|…)\W*$`),
	lazyregexp.New(`\b(your |the |actual |\w+ )?(code|implementation|logic) (goes|comes|belongs) here\b`),
	lazyregexp.New(`^\W*(to` + `do|fix` + `me)\b\W*(implement|add|fill|complete|finish|write|handle)\b`),
	lazyregexp.New(`^\W*(implementation|code|logic) (goes |comes |omitted|here)`),
	lazyregexp.New(`^\W*(to be|not( yet)?) (implemented|written)\b`),
}

// elisions finds remarks in comments that the present version does not have.
func elisions(before, after *syntax.File) []Finding {
	known := map[string]bool{}
	if before != nil {
		for _, c := range comments(before) {
			known[c.text] = true
		}
	}
	var found []Finding
	for _, c := range comments(after) {
		if !known[c.text] && isRemark(c.text) {
			found = append(found, Finding{CodeElision, c.line, c.text})
		}
	}
	return found
}

func isRemark(text string) bool {
	for _, r := range remarks {
		if r.MatchString(text) {
			return true
		}
	}
	return false
}

// comment is one line of a comment, in lower case, without its marks.
type comment struct {
	line int
	text string
}

func comments(f *syntax.File) []comment {
	var out []comment
	for _, r := range f.Regions() {
		if r.Kind != syntax.Comment {
			continue
		}
		at := f.Line(r.Range.Start)
		for i, line := range strings.Split(f.Text(r.Range), "\n") {
			text := strings.Trim(strings.TrimSpace(line), "/*#%-<>! \t\r")
			if text != "" {
				out = append(out, comment{at + i, strings.ToLower(text)})
			}
		}
	}
	return out
}
