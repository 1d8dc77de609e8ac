package code

import (
	"regexp/syntax"
	"unicode/utf8"
)

// Bounds of a parent's code, in characters. The table of bags has the same.
const (
	shortestCode = 4
	longestCode  = 60
	longestRule  = 200 // characters of a pattern
	endless      = 1 << 20
)

// PatternFits reports whether a pattern can be read, and matches only texts that can be codes: of 4 to 60 characters. A
// pattern without an end, such as SB.*, does not fit.
func PatternFits(pattern string) bool {
	if utf8.RuneCountInString(pattern) > longestRule {
		return false
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	least, most := lengths(re)
	return least >= shortestCode && most <= longestCode
}

// lengths gives the fewest and the most characters that an expression matches.
func lengths(re *syntax.Regexp) (int, int) {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 1
	case syntax.OpCapture:
		return lengths(re.Sub[0])
	case syntax.OpStar:
		return 0, endless
	case syntax.OpPlus:
		least, _ := lengths(re.Sub[0])
		return least, endless
	case syntax.OpQuest:
		_, most := lengths(re.Sub[0])
		return 0, most
	case syntax.OpRepeat:
		least, most := lengths(re.Sub[0])
		if re.Max < 0 {
			return least * re.Min, endless
		}
		return least * re.Min, min(endless, most*re.Max)
	case syntax.OpConcat, syntax.OpAlternate:
		return lengthsOfParts(re)
	default: // anchors and the like
		return 0, 0
	}
}

func lengthsOfParts(re *syntax.Regexp) (int, int) {
	sumLeast, sumMost, leastOfAll, mostOfAll := 0, 0, endless, 0
	for _, part := range re.Sub {
		least, most := lengths(part)
		sumLeast, sumMost = sumLeast+least, min(endless, sumMost+most)
		leastOfAll, mostOfAll = min(leastOfAll, least), max(mostOfAll, most)
	}
	if re.Op == syntax.OpAlternate {
		return leastOfAll, mostOfAll
	}
	return sumLeast, sumMost
}
