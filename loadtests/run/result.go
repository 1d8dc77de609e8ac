package main

import (
	"fmt"
	"slices"
	"time"

	"traitortrack/loadtests/streams"
)

// result is what a run came to.
type result struct {
	options      options
	began        time.Time
	generators   []generator
	watched      watched
	streams      streams.Counts
	disturbed    disturbance
	acknowledged int            // scans
	failures     map[string]int // as in acknowledged
	logged       map[string]int // as in site.logged
	verdicts     []verdict
	statements   []statement
	profiled     string // where the profile is, empty for none
	top          string // of it
}

// verdict is one thing that has to be so.
type verdict struct {
	name, found string
	well        bool
}

func (r *result) verdict(name string, well bool, found string) {
	r.verdicts = append(r.verdicts, verdict{name: name, well: well, found: found})
	if !well {
		say("WRONG: %s: %s", name, found)
	}
}

// bar is a limit of ours beside what was measured.
type bar struct {
	name, limit, measured string
	kept                  bool
}

// value gives a figure of k6, the worst of all generators.
func (r *result) value(metric, stat string) float64 {
	worst := 0.0
	for _, g := range r.generators {
		worst = max(worst, g.metrics[metric].Values[stat])
	}
	return worst
}

// total gives a count of k6, of all generators together.
func (r *result) total(metric, stat string) float64 {
	all := 0.0
	for _, g := range r.generators {
		all += g.metrics[metric].Values[stat]
	}
	return all
}

// measured are the phases after the ramp.
func (r *result) measured() []string {
	var names []string
	for _, p := range r.options.phases()[1:] {
		names = append(names, p.name)
	}
	return names
}

// worst gives the worst of a statistic in all measured phases.
func (r *result) worst(metric, stat string) float64 {
	worst := 0.0
	for _, phase := range r.measured() {
		worst = max(worst, r.value(metric+"{phase:"+phase+"}", stat))
	}
	return worst
}

// missed counts the requests that were not answered as expected.
func (r *result) missed() float64 {
	n := 0.0
	for _, phase := range r.measured() {
		n += r.total("http_req_failed{phase:"+phase+"}", "passes") // k6 counts what is true, and here that is a failure
	}
	return n
}

// The bars of issue 5, and of issue 4 for Redis.
const (
	p95Bar, p99Bar = 150, 500 // ms
	memoryBar      = 1.2e9
	poolBar        = 0.85
	redisBar       = 0.005 // seconds
	redisMemoryBar = 0.6
	addedBar       = 60 // ms
)

func (r *result) bars() []bar {
	w := r.watched
	p95, p99 := r.worst("http_req_duration", "p(95)"), r.worst("http_req_duration", "p(99)")
	bars := []bar{
		{"answers, p95", fmt.Sprintf("< %d ms", p95Bar), ms(p95), p95 < p95Bar},
		{"answers, p99", fmt.Sprintf("< %d ms", p99Bar), ms(p99), p99 < p99Bar},
		{"requests that failed", "0", fmt.Sprintf("%.0f", r.missed()), r.missed() == 0},
		{"people who were logged out", "0", fmt.Sprintf("%.0f", r.total("logged_out", "count")), r.total("logged_out", "count") == 0},
		{"servers' memory together, at most", "< 1.2 GB", fmt.Sprintf("%.2f GB", w.memory/1e9), w.memory > 0 && w.memory < memoryBar},
		{"connections of the pool in use, at most", "≤ 85 %", percent(w.pool), w.pool <= poolBar},
		{"Redis memory, at most", "< 60 % of its limit", percent(w.redisMemory), w.redisMemory < redisMemoryBar},
		{"open streams, at the worst moment", fmt.Sprint(r.options.Streams), fmt.Sprint(r.streams.Fewest), r.streams.Fewest >= r.options.Streams},
	}
	if r.options.Pooler {
		bars = append(bars, bar{"connections past PgBouncer in use, at most", "≤ 85 %", percent(w.prepared), w.prepared <= poolBar})
	}
	if r.options.Redis != "" { // calls to a Redis that is away take as long as they are given: they have no bar
		added := r.value("http_req_duration{phase:during}", "p(99)") - r.value("http_req_duration{phase:before}", "p(99)")
		return append(append(bars, bar{"p99 added while Redis is away", fmt.Sprintf("< %d ms", addedBar), ms(added), added < addedBar}), r.disturbed.bars()...)
	}
	redisP95 := w.counted.Quantile(0.95, "traitortrack_redis_call_duration_seconds", `redis="main"`)
	return append(bars, bar{"Redis calls, p95", "< 5 ms", fmt.Sprintf("%.1f ms", redisP95*1000), redisP95 < redisBar})
}

// failed reports whether the run is no good: a check or a threshold of the script failed, or, where it is strict, a bar was missed.
func (r *result) failed(strict bool) bool {
	for _, g := range r.generators {
		if g.missed {
			return true
		}
	}
	return slices.ContainsFunc(r.verdicts, func(v verdict) bool { return !v.well }) ||
		strict && slices.ContainsFunc(r.bars(), func(b bar) bool { return !b.kept })
}
