package pool

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Band is how full a pool is, in the words of the runbook.
type Band string

// The bands, from the emptiest to the fullest.
const (
	Healthy  Band = "healthy"  // below 70 %
	Warning  Band = "warning"  // from 70 %: keep an eye on it
	Critical Band = "critical" // from 85 %: look for the cause within a quarter of an hour
	Danger   Band = "danger"   // from 95 %: people are waiting, or will in a moment
)

// Where the bands begin, in percent.
const (
	WarningFrom  = 70
	CriticalFrom = 85
	DangerFrom   = 95
)

// BandOf gives the band of a usage in percent.
func BandOf(percent float64) Band {
	switch {
	case percent >= DangerFrom:
		return Danger
	case percent >= CriticalFrom:
		return Critical
	case percent >= WarningFrom:
		return Warning
	default:
		return Healthy
	}
}

func (b Band) level() int {
	return map[Band]int{Warning: 1, Critical: 2, Danger: 3}[b]
}

// cooldown is how long a band is not told of again once it was.
const cooldown = 5 * time.Minute

// alarm remembers what was told of a pool's usage.
type alarm struct {
	told    [4]time.Time // when each band was last told, by level
	alarmed bool         // whether something was told since the pool was last healthy
}

// step decides whether a sample is told, and gives the alarm as it is after that. A band is told when it is reached, and again
// when the pool is still in it after the cooldown. A higher band is told at once; a lower one is no news, since whoever was told of the
// higher one looks already. That the pool is healthy again is told once.
func (a alarm) step(band Band, now time.Time) (alarm, bool) {
	if band == Healthy {
		was := a.alarmed
		a.alarmed = false
		return a, was
	}
	level := band.level()
	if last := a.told[level]; !last.IsZero() && now.Sub(last) < cooldown {
		return a, false
	}
	for l := 1; l <= level; l++ {
		a.told[l] = now
	}
	a.alarmed = true
	return a, true
}

// Alert is what is told of a pool: that it has reached a band, or that it is healthy again.
type Alert struct {
	Band   Band
	Sample Sample
}

// Title says it in a few words. It begins as operators grep for it.
func (a Alert) Title() string { return fmt.Sprintf("Pool usage %.0f%%, %s", a.Sample.Usage(), a.Band) }

// String says it in a sentence, which begins with the title.
func (a Alert) String() string {
	return fmt.Sprintf("%s: %d of %d connections are in use", a.Title(), a.Sample.InUse, a.Sample.Max)
}

// inSQL finds what a statement is made of: a comment, a text in dollars, a text in quotes, a name in quotes, a parameter, a
// word, a number. The server hands statements on cut off, so that the last of them may have no end.
var inSQL = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?(?:\*/|$)` + `|\$(?:[A-Za-z_]\w*)?\$.*` + `|[eE]'(?:\\.|''|[^'\\])*(?:'|$)|'(?:''|[^'])*(?:'|$)` +
	`|"(?:""|[^"])*(?:"|$)` + `|\$\d+` + `|[A-Za-z_][\w$]*` + `|\d[\w.]*`)

// withoutValues gives a statement with a question mark for each value in it, and without its comments.
func withoutValues(statement string) string {
	return inSQL.ReplaceAllStringFunc(statement, func(part string) string {
		switch {
		case strings.HasPrefix(part, "--"), strings.HasPrefix(part, "/*"):
			return " "
		case strings.HasSuffix(part, "'"), strings.HasPrefix(part, "'"), part[0] >= '0' && part[0] <= '9', strings.ContainsRune("eE", rune(part[0])) && strings.Contains(part, "'"):
			return "?"
		case part[0] == '$' && (len(part) == 1 || part[1] < '0' || part[1] > '9'):
			return "?"
		default:
			return part
		}
	})
}
