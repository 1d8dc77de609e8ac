package code

import "testing"

func TestPatternFits(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		`SB[0-9]{5,6}`:          true,
		`M444-[0-9]{5}`:         true,
		`(?:SB|MX)\d{5}`:        true,
		`SB\d{2,56}X?`:          true,
		`AB|CD12`:               false, // AB is too short
		`ABCD|CD12`:             true,
		`SB[0-9`:                false,
		`SB.*`:                  false,
		`SB[0-9]+`:              false,
		`SB[0-9]{3,}`:           false,
		`(SB)?[0-9]{3}`:         false,
		`SB1`:                   false,
		``:                      false,
		`^$`:                    false,
		`[A-Z]{60}`:             true,
		`[A-Z]{61}`:             false,
		`([A-Z]{10}){7}`:        false,
		`SB[0-9]{5}(?i:x{1,2})`: true,
	} {
		if got := PatternFits(pattern); got != want {
			t.Errorf("%q fits: %v", pattern, got)
		}
	}
}
