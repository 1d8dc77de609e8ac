package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// phase is a stretch of a run, and the seconds after the first arrival at which it begins.
type phase struct {
	name string
	from time.Duration
}

// phases are the stretches of a run. The ramp is not measured.
func (o options) phases() []phase {
	work := o.Ramp + o.Settle
	if o.Redis == "" {
		return []phase{{"ramp", 0}, {"work", work}}
	}
	return []phase{{"ramp", 0}, {"before", work}, {"during", work + o.For/3}, {"after", work + 2*o.For/3}}
}

// whole is how long a run takes.
func (o options) whole() time.Duration { return o.Ramp + o.Settle + o.For }

// visitorsPart of the users have no account.
const visitorsPart = 20

// generate runs every k6 to its end, and keeps their figures.
func (s *site) generate(ctx context.Context, o options, start string, r *result) error {
	group, ctx := errgroup.WithContext(ctx)
	count := o.generators()
	r.generators = make([]generator, count)
	for n := range count {
		first, behind := o.Users*n/count, o.Users*(n+1)/count
		g := &r.generators[n]
		g.dir, g.users = s.dir, behind-first
		g.acknowledged = filepath.Join(s.dir, fmt.Sprintf("acknowledged-%d", n))
		group.Go(func() error {
			return g.run(ctx, o, n, append(o.script(first, g.users, s.urls[n%len(s.urls)]), "START="+start))
		})
	}
	return group.Wait()
}

// generator is one k6.
type generator struct {
	dir, acknowledged string
	users             int
	missed            bool             // a threshold of the script
	said              string           // by k6, besides its progress
	metrics           map[string]trend // by name, with tags
}

// trend is a metric of k6's summary.
type trend struct {
	Values map[string]float64 `json:"values"`
}

// thresholdsMissed is how k6 ends where a threshold is crossed.
const thresholdsMissed = 99

// A k6 collects garbage when it has taken so many bytes, and not before. With thousands of virtual users a collection takes it most of a
// processor for a quarter of a minute, and Go begins one every two minutes at least: what it then measures is itself. Memory that a
// process has not used before costs, too, so it is not more than that. Each generator takes less than the one before, down to about half,
// so that they do not collect at the same time.
const (
	memory        = 256 << 20
	memoryForUser = 3 << 19 // of which a user takes a quarter
)

func (g *generator) run(ctx context.Context, o options, n int, environment []string) error {
	summary := filepath.Join(g.dir, fmt.Sprintf("summary-%d.json", n))
	halves := 2 * o.generators()
	bound := (memory + g.users*memoryForUser) / halves * (halves - n)
	c := exec.CommandContext(ctx, o.K6, "run", "--quiet", "--no-usage-report", "--address", "", "--console-output", g.acknowledged,
		"--log-format", "raw", "loadtests/people.js")
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.Env = append(append(os.Environ(), environment...), "SUMMARY="+summary, "GOGC=off", fmt.Sprintf("GOMEMLIMIT=%d", bound))
	out, err := c.CombinedOutput()
	g.said = strings.TrimSpace(string(out))
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == thresholdsMissed {
		g.missed, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("k6: %w\n%s", err, g.said)
	}
	raw, err := os.ReadFile(summary)
	if err == nil {
		err = json.Unmarshal(raw, &g.metrics)
	}
	if err != nil {
		return fmt.Errorf("read the figures of k6: %w\n%s", err, g.said)
	}
	return nil
}

// script says to the script what its part is.
func (o options) script(first, users int, url string) []string {
	var phases []string
	for _, p := range o.phases() {
		phases = append(phases, fmt.Sprintf("[%q,%g]", p.name, p.from.Seconds()))
	}
	visitors := users / visitorsPart
	return []string{"URL=" + url, "PASSWORD=" + password, "PHASES=[" + strings.Join(phases, ",") + "]", "NAMES=" + strings.Join(names(), ","),
		fmt.Sprintf("FIRST=%d", first), fmt.Sprintf("PEOPLE=%d", users-visitors), fmt.Sprintf("VISITORS=%d", visitors),
		fmt.Sprintf("RAMP=%g", o.Ramp.Seconds()), fmt.Sprintf("WHOLE=%g", o.whole().Seconds()), fmt.Sprintf("HASTE=%g", o.Haste), fmt.Sprintf("P95=%g", 1000*o.Slow),
		"K6_AUTO_EXTENSION_RESOLUTION=false"}
}
