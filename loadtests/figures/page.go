package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"traitortrack/internal/devstack"
	"traitortrack/loadtests/machine"
)

// page is what a run came to.
type page struct {
	options  options
	began    time.Time
	sections []string
	bars     []bar
}

// bar is a limit of ours beside what was measured, and beside its reference.
type bar struct {
	name, limit, measured, reference string
	kept                             bool
}

// The bars of issue 5.
const (
	seedBar   = 0.5 // of COPY's rate
	groupBar  = 1.5 // of pgbench's rate with eight clients
	loneBar   = 2.0 // of pgbench's latency with one client
	grownBar  = 1.3 // of the time over fewer bags
	readyBar  = 500 * time.Millisecond
	memoryBar = 60e6
	binaryBar = 40e6
)

func (p *page) seed(ours, bare seeded) {
	ratio := ours.rate() / bare.rate()
	p.bars = append(p.bars, bar{fmt.Sprintf("seed of %d bags", p.options.Bags), fmt.Sprintf("≥ %.1f of COPY's rate", seedBar),
		fmt.Sprintf("%.2f (%.0f rows/s)", ratio, ours.rate()), fmt.Sprintf("COPY: %.0f rows/s", bare.rate()), ratio >= seedBar})
	p.sections = append(p.sections, fmt.Sprintf("## The seed\n\n%d rows in %s with one worker a core and one more; the same rows by COPY alone, from files, one table after the other, "+
		"into tables with the same keys and indexes: %s.\n", ours.rows, ours.took.Round(time.Second), bare.took.Round(time.Second)))
}

func (p *page) small(ready time.Duration, memory float64, binary int64) {
	p.bars = append(p.bars,
		bar{"ready after a start", "≤ " + readyBar.String(), ready.Round(time.Millisecond).String(), fmt.Sprintf("median of %d", starts), ready <= readyBar},
		bar{"memory when idle", "< 60 MB", fmt.Sprintf("%.1f MB", memory/1e6), fmt.Sprintf("after %s", resting), memory < memoryBar},
		bar{"the binary", "< 40 MB", fmt.Sprintf("%.1f MB", float64(binary)/1e6), "", float64(binary) < binaryBar})
}

func (p *page) scans(ours, theirs measured, memory float64) {
	one, eight := theirs.middle(1), theirs.middle(8)
	alone := ours.middle(lone)
	slower := float64(alone.p50) / float64(one.p50)
	p.bars = append(p.bars, bar{"a lone scanner's p50", fmt.Sprintf("≤ %.1f of pgbench's", loneBar), fmt.Sprintf("%.2f (%s)", slower, short(alone.p50)),
		fmt.Sprintf("pgbench, 1 client: %s", short(one.p50)), slower <= loneBar})
	var b strings.Builder
	b.WriteString("## Scans\n\nOver HTTP, with sessions, limits and history, each caller in parents of their own, all in one warehouse; medians of the rounds.\n\n")
	b.WriteString("| | scans/s | of pgbench with 8 | p50 | p99 |\n|---|---|---|---|---|\n")
	for _, n := range clients() {
		r := theirs.middle(n)
		fmt.Fprintf(&b, "| pgbench, %d | %.0f | %.2f | %s (mean) | |\n", n, r.perSecond, r.perSecond/eight.perSecond, short(r.p50))
	}
	for _, n := range callers() {
		r := ours.middle(n)
		fmt.Fprintf(&b, "| %d callers | %.0f | %.2f | %s | %s |\n", n, r.perSecond, r.perSecond/eight.perSecond, short(r.p50), short(r.p99))
		if n > 8 {
			p.bars = append(p.bars, bar{fmt.Sprintf("scans of %d callers", n), fmt.Sprintf("≥ %.1f of pgbench's rate", groupBar),
				fmt.Sprintf("%.2f (%.0f/s)", r.perSecond/eight.perSecond, r.perSecond), fmt.Sprintf("pgbench, 8 clients: %.0f/s", eight.perSecond),
				r.perSecond >= groupBar*eight.perSecond})
		}
	}
	fmt.Fprintf(&b, "\nFrom 8 to 64 at once, the server's rate rose by %.2f and pgbench's by %.2f. The server held %.0f MB afterwards.\n",
		ours.middle(64).perSecond/ours.middle(8).perSecond, theirs.middle(64).perSecond/eight.perSecond, memory/1e6)
	p.sections = append(p.sections, b.String())
}

// shownFunctions of a profile are shown.
const shownFunctions = 30

// split tells where the processors' time went while scans were made, for a while.
func (p *page) split(used map[string]machine.Use, took time.Duration, top string) {
	var b strings.Builder
	fmt.Fprintf(&b, "## Where the time of scans goes\n\n%d callers once more, for %s.\n\n| program | of one core |\n|---|---|\n", watched, took.Round(time.Second))
	for _, name := range slices.SortedFunc(maps.Keys(used), func(a, b string) int { return cmp.Compare(used[b].Time, used[a].Time) }) {
		fmt.Fprintf(&b, "| %s | %.0f %% |\n", name, 100*used[name].Time.Seconds()/took.Seconds())
	}
	fmt.Fprintf(&b, "\nIn the server, the functions below which most of it was spent:\n\n    %s\n", strings.ReplaceAll(top, "\n", "\n    "))
	p.sections = append(p.sections, b.String())
}

func (p *page) reads(bags int, disk taken, all []timed) {
	bare := all[0]
	var b strings.Builder
	fmt.Fprintf(&b, "## Reads over %d bags\n\nOne request after the other, from the first byte to the answer's last, as an admin of the largest warehouse. The database takes %.1f GB, "+
		"%.1f of them for indexes.\n\n", bags, float64(disk.all)/1e9, float64(disk.indexes)/1e9)
	b.WriteString("| | p50 | p99 | bar | p50 of a bare chi handler's |\n|---|---|---|---|---|\n")
	for _, t := range all {
		limit := ""
		if t.bar > 0 {
			limit = short(t.bar)
			p.bars = append(p.bars, bar{fmt.Sprintf("%s over %d bags, p99", t.name, bags), "≤ " + limit, short(t.p99), "bare chi: " + short(bare.p99), t.p99 <= t.bar})
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f |\n", t.name, short(t.p50), short(t.p99), limit, float64(t.p50)/float64(bare.p50))
	}
	p.sections = append(p.sections, b.String())
}

// grown compares reads over more bags with those over fewer.
func (p *page) grown(fewer, more []timed) {
	for i, t := range fewer {
		if t.bar == 0 {
			continue
		}
		ratio := float64(more[i].p99) / float64(t.p99)
		p.bars = append(p.bars, bar{fmt.Sprintf("%s, p99 over %d bags", t.name, p.options.Larger), fmt.Sprintf("≤ %.1f of that over %d", grownBar, p.options.Bags),
			fmt.Sprintf("%.2f (%s)", ratio, short(more[i].p99)), fmt.Sprintf("%s; the p50s: %.2f", short(t.p99), float64(more[i].p50)/float64(t.p50)), ratio <= grownBar})
	}
}

// slow tells how many statements took longer than 50 ms.
func (p *page) slow(bags int, all, within map[string]float64) {
	n, late := 0.0, 0.0
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n += all[name]
		if over := all[name] - within[name]; over > 0 {
			late += over
			names = append(names, fmt.Sprintf("%s %.0f×", name, over))
		}
	}
	p.bars = append(p.bars, bar{fmt.Sprintf("statements over 50 ms while reading %d bags", bags), "0", strings.TrimSpace(fmt.Sprintf("%.0f %s", late, strings.Join(names, ", "))),
		fmt.Sprintf("%.0f statements", n), late == 0})
}

// write writes the page, and shows it.
func (p *page) write() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# Figures of one server over %d bags\n\n%s, on %d cores that also run PostgreSQL, Redis and who asks. PostgreSQL syncs every commit (asserted); its settings: %s.\n\n",
		p.options.Bags, p.began.UTC().Format("2 January 2006, 15:04 UTC"), runtime.NumCPU(), strings.Join(devstack.Tuned(), ", "))
	fmt.Fprintf(&b, "    %s\n\nTook %s.\n\n| | bar | measured | beside | |\n|---|---|---|---|---|\n", strings.Join(append([]string{"loadtests/bin/figures"}, os.Args[1:]...), " "),
		time.Since(p.began).Round(time.Second))
	for _, x := range p.bars {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.name, x.limit, x.measured, x.reference, map[bool]string{true: "✓", false: "✗"}[x.kept])
	}
	b.WriteString("\n" + strings.Join(p.sections, "\n"))
	fmt.Println(b.String())
	path := filepath.Join(p.options.Results, fmt.Sprintf("%s-figures-%s.md", p.began.Format("2006-01-02-1504"), size(p.options.Bags)))
	if err := os.MkdirAll(p.options.Results, 0o755); err != nil {
		return "", fmt.Errorf("make a place for the page: %w", err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return "", fmt.Errorf("write the page: %w", err)
	}
	return path, nil
}

// size shortens a count for a file's name.
func size(n int) string {
	if n >= 1_000_000 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", math.Round(float64(n)/1e5)/10), ".0") + "m-bags"
	}
	return fmt.Sprintf("%d-bags", n)
}
