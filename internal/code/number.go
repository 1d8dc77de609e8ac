package code

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"traitortrack/internal/errs"
)

// maxNumber is the most characters of a bill's number.
const maxNumber = 50

// CleanNumber makes a bill's number of what was typed or scanned: NFKC, without control and invisible characters, white
// space trimmed and each run of it one space. A number is 1 to 50 characters, and not "." or "..", which no address
// can carry; anything else is invalid_bill.
func CleanNumber(raw string) (string, error) {
	wrong := errs.Field("number", "invalid_bill", "A bill's number has 1 to %d characters, and is not . or .. alone.", maxNumber)
	if len(raw) > longest || !utf8.ValidString(raw) {
		return "", wrong
	}
	spaced := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, norm.NFKC.String(raw))
	number := norm.NFKC.String(strings.Join(strings.Fields(spaced), " "))
	if n := utf8.RuneCountInString(number); n < 1 || n > maxNumber || number == "." || number == ".." {
		return "", wrong
	}
	return number, nil
}

// FoldNumber gives the key under which a clean number is unique: two numbers that differ only in case share it.
func FoldNumber(clean string) string { return cases.Fold().String(clean) }
