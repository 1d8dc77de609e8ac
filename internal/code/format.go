package code

import (
	"fmt"
	"regexp"

	"traitortrack/internal/weight"
)

// Format is one kind of parent that an organization uses.
type Format struct {
	ID         int64
	Name       string
	Pattern    string // regular expression that a whole parent code matches
	Capacity   int    // children that a full parent holds
	ChildGrams weight.Grams
}

// Formats are an organization's formats, ready to recognise codes. The zero value knows no parents.
type Formats struct {
	formats  []Format
	patterns []*regexp.Regexp
}

var childPattern = regexp.MustCompile(`^[A-Z0-9]{4,20}$`)

// NewFormats compiles the formats' patterns. A pattern is anchored to the whole code.
func NewFormats(formats []Format) (Formats, error) {
	f := Formats{formats: formats}
	for _, one := range formats {
		pattern, err := regexp.Compile(`^(?:` + one.Pattern + `)$`)
		if err != nil {
			return Formats{}, fmt.Errorf("bag format %s: %w", one.Name, err)
		}
		f.patterns = append(f.patterns, pattern)
	}
	return f, nil
}

// All gives the formats themselves.
func (f Formats) All() []Format { return f.formats }

// Recognise gives a normalised code's kind, and a parent's format: the first whose pattern it matches. It answers false
// for what is no code at all.
func (f Formats) Recognise(normalised string) (Kind, Format, bool) {
	for i, pattern := range f.patterns {
		if pattern.MatchString(normalised) {
			return Parent, f.formats[i], true
		}
	}
	return Child, Format{}, childPattern.MatchString(normalised)
}
