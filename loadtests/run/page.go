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

	"traitortrack/internal/devstack"
	"traitortrack/internal/told"
	"traitortrack/loadtests/numbers"
)

// write writes the page, and shows it.
func (r *result) write() (string, error) {
	page := r.page()
	fmt.Println(page)
	path := filepath.Join(r.options.Results, fmt.Sprintf("%s-%s-%d-users.md", r.began.Format("2006-01-02-1504"), r.options.Name, r.options.Users))
	if err := os.MkdirAll(r.options.Results, 0o755); err != nil {
		return "", fmt.Errorf("make a place for the result: %w", err)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		return "", fmt.Errorf("write the result: %w", err)
	}
	return path, nil
}

func (r *result) page() string {
	var b strings.Builder
	o := r.options
	fmt.Fprintf(&b, "# %d people at once\n\n%s. %d virtual users for %s after a ramp of %s, %d open dashboards, %d bags in three warehouses; ", o.Users,
		r.began.UTC().Format("2 January 2006, 15:04 UTC"), o.Users, o.For, o.Ramp, o.Streams, o.Bags)
	fmt.Fprintf(&b, "%d server(s)%s, PostgreSQL, Redis and %d generator(s) on %d cores, at most %d files a process. PostgreSQL's settings: %s.\n\n", o.Instances,
		map[bool]string{true: ", PgBouncer"}[o.Pooler], o.generators(), runtime.NumCPU(), fileLimit(), strings.Join(devstack.Tuned(), ", "))
	fmt.Fprintf(&b, "    %s\n\n", strings.Join(commandLine(), " "))
	if r.failed(true) {
		b.WriteString("**Something was missed:** see the marks ✗ below.\n\n")
	}
	b.WriteString("| | bar | measured | |\n|---|---|---|---|\n")
	for _, x := range r.bars() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.name, x.limit, x.measured, mark(x.kept))
	}
	r.writeChecks(&b)
	r.writePhases(&b)
	r.writeServers(&b)
	r.writeLogged(&b)
	r.writeStatements(&b)
	r.writeStreams(&b)
	if r.top != "" {
		fmt.Fprintf(&b, "\n## Where the server's processor time went\n\n%s in the middle of the run, the functions below which most of it was spent:\n\n    %s\n", profileFor, strings.ReplaceAll(r.top, "\n", "\n    "))
	}
	return b.String()
}

func (r *result) writeChecks(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Afterwards\n\n%d scans were acknowledged.\n\n| | found | |\n|---|---|---|\n", r.acknowledged)
	for _, v := range r.verdicts {
		fmt.Fprintf(b, "| %s | %s | %s |\n", v.name, v.found, mark(v.well))
	}
	if len(r.failures) > 0 {
		b.WriteString("\nRequests that failed, those of the ramp included, with their status or k6's code of the error: ")
		for i, what := range byValue(r.failures) {
			fmt.Fprintf(b, "%s%s, %d times", map[bool]string{true: "; "}[i > 0], what, r.failures[what])
		}
		b.WriteString(".\n")
	}
	for n, g := range r.generators {
		if g.missed || g.said != "" {
			fmt.Fprintf(b, "\nGenerator %d said:\n\n    %s\n", n, strings.ReplaceAll(lastPart(g.said), "\n", "\n    "))
		}
	}
}

// writePhases shows what people waited, by what they did.
func (r *result) writePhases(b *strings.Builder) {
	b.WriteString("\n## What people waited (k6)\n\nTimes are those of the generator that saw the longest.\n\n| | requests | a second | median | p95 | p99 | longest |\n|---|---|---|---|---|---|---|\n")
	phases := r.options.phases()
	for i, p := range phases[1:] {
		until := r.options.whole()
		if i+2 < len(phases) {
			until = phases[i+2].from
		}
		for _, name := range append([]string{""}, names()...) {
			metric, shown := fmt.Sprintf("http_req_duration{phase:%s,name:%s}", p.name, name), p.name+": "+name
			if name == "" {
				metric, shown = fmt.Sprintf("http_req_duration{phase:%s}", p.name), "**"+p.name+"**"
			}
			n := r.total(metric, "count")
			if n == 0 {
				continue
			}
			fmt.Fprintf(b, "| %s | %.0f | %.1f | %s | %s | %s | %s |\n", shown, n, n/(until-p.from).Seconds(), ms(r.value(metric, "med")),
				ms(r.value(metric, "p(95)")), ms(r.value(metric, "p(99)")), ms(r.value(metric, "max")))
		}
	}
}

// names are what the script calls what people do.
func names() []string {
	return []string{"scan", "undo", "look up", "list", "bill", "dashboard", "stats", "admin", "login page", "health"}
}

// writeServers shows what the servers measured of themselves.
func (r *result) writeServers(b *strings.Builder) {
	w := r.watched
	fmt.Fprintf(b, "\n## The servers\n\n")
	if w.counted == nil {
		b.WriteString("Their numbers could not be read at the end.\n")
		return
	}
	callers, groups := w.counted["traitortrack_scan_group_callers_sum"], w.counted["traitortrack_scan_group_callers_count"]
	fmt.Fprintf(b, "Scans were written in %.0f groups of %.2f callers. %.0f waits for a connection, %.0f gave up. %d looks at their numbers were not answered.\n\n",
		groups, callers/max(1, groups), w.counted[`traitortrack_db_pool_waits_total{pool="primary"}`], w.counted[`traitortrack_db_pool_gave_up_total{pool="primary"}`], w.gaps)
	b.WriteString("| program | of one core | memory at most |\n|---|---|---|\n")
	for _, name := range slices.SortedFunc(maps.Keys(w.used), func(a, b string) int { return cmp.Compare(w.used[b].Time, w.used[a].Time) }) {
		u := w.used[name]
		memory := fmt.Sprintf("%.0f MB", float64(u.Memory)/1e6)
		if name == "postgres" {
			memory = "" // its processes share most of it
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, percent(u.Time.Seconds()/w.took.Seconds()), memory)
	}
	table(b, "route", "traitortrack_http_request_duration_seconds", "route", w.counted)
	table(b, "statement", "traitortrack_db_statement_duration_seconds", "name", w.counted)
}

// mostRows of a table are shown.
const mostRows = 12

// table shows the histograms of a name in which most time was spent.
func table(b *strings.Builder, title, name, label string, n numbers.Numbers) {
	fmt.Fprintf(b, "\n| %s | times | mean | p95 | over 50 ms |\n|---|---|---|---|---|\n", title)
	sums, counts, within := n.By(name+"_sum", label), n.By(name+"_count", label), n.Within(name, label, "0.05")
	rows := 0
	for _, key := range byValue(sums) {
		if counts[key] == 0 || strings.HasSuffix(key, "/events") || rows == mostRows {
			continue
		}
		rows++
		fmt.Fprintf(b, "| %s | %.0f | %s | %s | %.0f |\n", key, counts[key], ms(1000*sums[key]/counts[key]),
			ms(1000*n.Quantile(0.95, name, label+`="`+key+`"`)), counts[key]-within[key])
	}
}

func (r *result) writeLogged(b *strings.Builder) {
	b.WriteString("\n| the servers logged, the ramp included | times |\n|---|---|\n")
	said := byValue(r.logged)
	for _, what := range said[:min(mostRows, len(said))] {
		fmt.Fprintf(b, "| %s | %d |\n", told.Clip(strings.ReplaceAll(what, "|", "/"), 200), r.logged[what])
	}
}

func (r *result) writeStreams(b *strings.Builder) {
	s := r.streams
	fmt.Fprintf(b, "\n## Streams\n\n%d alive at the end, %d at the worst moment; %d events and %d signs of life; %d opened anew, %d times refused. From the reading of the numbers to their "+
		"arrival: median %s, p95 %s, longest %s.\n", s.Alive, s.Fewest, s.Events, s.Beats, s.Opened, s.Refused,
		ms(float64(s.P50.Microseconds())/1000), ms(float64(s.P95.Microseconds())/1000), ms(float64(s.Max.Microseconds())/1000))
}

func byValue[N cmp.Ordered](m map[string]N) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

func ms(n float64) string {
	if math.Abs(n) < 10 {
		return fmt.Sprintf("%.1f ms", n)
	}
	return fmt.Sprintf("%.0f ms", n)
}

func percent(part float64) string { return fmt.Sprintf("%.0f %%", 100*part) }

func mark(well bool) string {
	if well {
		return "✓"
	}
	return "✗"
}

// lastPart keeps the page short.
func lastPart(text string) string { return text[max(0, len(text)-2000):] }

// commandLine is how the run was started, from the repository's root.
func commandLine() []string { return append([]string{"loadtests/bin/run"}, os.Args[1:]...) }
