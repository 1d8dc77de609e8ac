// Package code knows the codes of bags and the numbers of bills: how a scanner's raw text becomes one, and which kind of
// bag a code belongs to. It is pure.
package code

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// longest is the most bytes of raw text that can hold a code, with all that a scanner may add. A longer text is none.
const longest = 1024

// Kind is what a bag is. A code is one kind for ever.
type Kind string

// The kinds of bag.
const (
	Parent Kind = "parent"
	Child  Kind = "child"
)

// Normalise makes a code of what a scanner sends: without an AIM identifier such as ]Q1 in front, without control,
// invisible and white characters, folded to NFKC and upper case. Normalising twice changes nothing more. A text far too
// long to be a code becomes the empty one.
func Normalise(raw string) string {
	if len(raw) > longest {
		return ""
	}
	clean := strings.Map(visible, strings.ToUpper(norm.NFKC.String(strings.Map(visible, raw))))
	clean = norm.NFKC.String(clean)
	for isAIM(clean) {
		clean = clean[3:]
	}
	return clean
}

// visible drops what cannot be seen on a label: control, format (zero-width and the like) and white characters.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
		return -1
	}
	return r
}

// isAIM reports whether a text begins with a symbology identifier of ISO/IEC 15424: ], a letter, and a modifier.
func isAIM(s string) bool {
	return len(s) > 3 && s[0] == ']' && s[1] >= 'A' && s[1] <= 'Z' && (s[2] >= '0' && s[2] <= '9' || s[2] >= 'A' && s[2] <= 'Z')
}
