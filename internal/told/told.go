// Package told has the words that messages share: what somebody typed, when something was, and by whom.
package told

import (
	"time"

	"traitortrack/internal/authz"
)

// Clip keeps a text that somebody sent short enough to be shown back to them: at most so many characters, and "…" where more
// were cut off.
func Clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// Clock gives a time of today as 15:04, and an earlier one with its day.
func Clock(t, now time.Time, location *time.Location) string {
	t, now = t.In(location), now.In(location)
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

// By gives a user's name as who reads it would say it: "you" for themselves.
func By(id int64, username string, who authz.Actor) string {
	if id == who.UserID {
		return "you"
	}
	return username
}
