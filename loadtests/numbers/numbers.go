// Package numbers reads what a server tells Prometheus of itself.
package numbers

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"traitortrack/loadtests/loopback"
)

// Numbers are a server's numbers by series: as they stand at one moment, or what they rose by.
type Numbers map[string]float64

// readFor bounds a look at the numbers.
const readFor = 5 * time.Second

// Read reads the numbers of one server.
func Read(ctx context.Context, url string) (Numbers, error) {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	text, err := loopback.Fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	all := Numbers{}
	for line := range strings.Lines(text) {
		series, value, found := cutLast(strings.TrimSpace(line))
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[series] = n
		}
	}
	return all, nil
}

func cutLast(line string) (string, string, bool) {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return line, "", false
	}
	return line[:at], line[at+1:], true
}

// Quantile gives a quantile of a histogram in seconds, by straight lines within its buckets. labels are those of its series without le,
// such as redis="main".
func (n Numbers) Quantile(q float64, name, labels string) float64 {
	buckets := map[float64]float64{}
	for series, count := range n {
		rest, found := strings.CutPrefix(series, name+"_bucket{")
		if !found || labels != "" && !strings.Contains(rest, labels) {
			continue
		}
		if le, err := strconv.ParseFloat(valueOf(rest, "le"), 64); err == nil {
			buckets[le] += count
		}
	}
	return quantileOf(q, buckets)
}

// quantileOf reads cumulative counts by upper bounds.
func quantileOf(q float64, buckets map[float64]float64) float64 {
	bounds := slices.Sorted(maps.Keys(buckets))
	if len(bounds) == 0 {
		return 0
	}
	want := q * buckets[bounds[len(bounds)-1]]
	from, below := 0.0, 0.0
	for i, bound := range bounds {
		if buckets[bound] >= want && buckets[bound] > below {
			if i == len(bounds)-1 {
				return from // beyond the last bound that means something
			}
			return from + (bound-from)*(want-below)/(buckets[bound]-below)
		}
		from, below = bound, buckets[bound]
	}
	return from
}

// By gives the series of a name by the value of one label, those with the same value together.
func (n Numbers) By(name, label string) map[string]float64 {
	return n.by(name, label, func(string) bool { return true })
}

// Within gives how much of a histogram lies within a bound, by the value of one label. The bound is one of its buckets' as it is
// written, such as 0.05.
func (n Numbers) Within(name, label, bound string) map[string]float64 {
	return n.by(name+"_bucket", label, func(labels string) bool { return valueOf(labels, "le") == bound })
}

func (n Numbers) by(name, label string, counts func(labels string) bool) map[string]float64 {
	all := map[string]float64{}
	for series, value := range n {
		if labels, found := strings.CutPrefix(series, name+"{"); found && counts(labels) {
			all[valueOf(labels, label)] += value
		}
	}
	return all
}

// valueOf gives the value of a label, empty where there is no such label.
func valueOf(labels, label string) string {
	_, value, _ := strings.Cut(labels, label+`="`)
	value, _, _ = strings.Cut(value, `"`)
	return value
}
