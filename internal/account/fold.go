package account

import "strings"

// Fold makes one form of all the ways in which one name can be typed, whether or not somebody has it, for those who count
// by name.
func Fold(typed string) string { return strings.ToLower(cleanName(typed)) }

// Clean makes one form of the ways in which one name can be typed, and keeps its case.
func Clean(typed string) string { return cleanName(typed) }
