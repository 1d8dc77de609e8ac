package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"traitortrack/internal/authz"
	"traitortrack/internal/seed"
	"traitortrack/loadtests/machine"
)

// reference is what pgbench does: one scan as one prepared statement in one transaction, with nothing locked, decided or
// counted. It inserts a new child, its link and its scan into the tables that the server scans into.
const reference = `\set parent random(0, :parents - 1) * 31 + 1
WITH c AS (
    INSERT INTO bag (org_id, kind, code, linked, created_by, last_scan_at)
    VALUES (:org, 'child', 'P' || nextval('reference_code'), true, :user, now()) RETURNING id, code
), l AS (
    INSERT INTO link (org_id, child_id, parent_id, weight_grams, linked_by, linked_at) SELECT :org, c.id, :parent, 1000, :user, now() FROM c
)
INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, user_id)
SELECT :org, clock_timestamp(), gen_random_uuid(), 'scan', 'linked', c.code, 'SB100000', :user FROM c;
`

// rate is how many scans were made in a second, and how long one of them took.
type rate struct {
	perSecond float64
	p50, p99  time.Duration // of pgbench, both are the mean
}

// Callers at once. The lone one is compared with pgbench's single client, the others with its eight.
const lone = 1

func callers() []int { return []int{lone, 8, 64, 256} }

func clients() []int { return []int{1, 8, 64} }

// measured are the rounds of each rate, by the number of callers or clients.
type measured map[int][]rate

// middle is the round with the middle rate.
func (m measured) middle(n int) rate {
	rounds := slices.SortedFunc(slices.Values(m[n]), func(a, b rate) int { return cmp.Compare(a.perSecond, b.perSecond) })
	return rounds[len(rounds)/2]
}

// scans lets pgbench and dispatchers of one warehouse scan in turn, so that what disturbs one of them disturbs both.
func (s *server) scans(ctx context.Context, w *warehouse, o options, p *page) error {
	bench, err := w.prepareReference(ctx)
	if err != nil {
		return err
	}
	crowd, err := s.crowd(ctx)
	if err != nil {
		return err
	}
	ours, theirs := measured{}, measured{}
	for round := range o.Rounds {
		for _, n := range clients() {
			r, err := bench.run(ctx, n, o.Each)
			if err != nil {
				return err
			}
			theirs[n] = append(theirs[n], r)
		}
		for _, n := range callers() {
			r, err := crowd.scan(ctx, n, o.Each)
			if err != nil {
				return err
			}
			ours[n] = append(ours[n], r)
		}
		say("scans, round %d of %d: %.0f/s with 8 clients of pgbench, %.0f/s with 8 callers, %.0f/s with 64", round+1, o.Rounds,
			theirs[8][round].perSecond, ours[8][round].perSecond, ours[64][round].perSecond)
	}
	memory, err := s.memory()
	if err != nil {
		return err
	}
	p.scans(ours, theirs, memory)
	return s.split(ctx, w, o, crowd, p)
}

// watched is how many callers are looked at more closely, after the rounds.
const watched = 64

// split lets callers scan once more, for the page to tell where the processors' time goes.
func (s *server) split(ctx context.Context, w *warehouse, o options, crowd *crowd, p *page) error {
	const self = "the callers"
	stack, profiled := filepath.Join(w.dir, "data"), filepath.Join(w.dir, "scans.pprof")
	before, began := machine.Used(stack, self), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return machine.Profile(ctx, s.metrics, o.Each, profiled) })
	group.Go(func() error {
		_, err := crowd.scan(ctx, watched, o.Each)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	took, after := time.Since(began), machine.Used(stack, self)
	top, err := machine.Top(context.WithoutCancel(ctx), profiled, shownFunctions)
	if err != nil {
		return err
	}
	for name, u := range before {
		after[name] = machine.Use{Time: after[name].Time - u.Time}
	}
	p.split(after, took, top)
	return nil
}

// bench is pgbench with what it needs to know.
type bench struct {
	program   string
	arguments []string
	url       string
}

// prepareReference writes pgbench's script, for parents of the largest warehouse.
func (w *warehouse) prepareReference(ctx context.Context) (bench, error) {
	program, err := exec.LookPath("pgbench")
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // the pattern is good
		if len(found) == 0 {
			return bench{}, errors.New("pgbench is missing: install postgresql-contrib or postgresql")
		}
		program = found[len(found)-1]
	}
	var org, user, parents int64
	err = w.db.Pool().QueryRow(ctx, `SELECT o.id, (SELECT u.id FROM "user" u WHERE u.org_id = o.id AND u.username = 'seed-a-dispatcher'),
		(SELECT count(*) FROM bag b WHERE b.org_id = o.id AND b.kind = 'parent') FROM organization o WHERE o.name = 'seed-a'`).Scan(&org, &user, &parents)
	if err != nil {
		return bench{}, fmt.Errorf("look at the largest warehouse: %w", err)
	}
	if _, err := w.db.Pool().Exec(ctx, "CREATE SEQUENCE reference_code START 100000"); err != nil {
		return bench{}, fmt.Errorf("make the reference's codes: %w", err)
	}
	script := filepath.Join(w.dir, "reference.sql")
	if err := os.WriteFile(script, []byte(reference), 0o600); err != nil {
		return bench{}, fmt.Errorf("write the reference: %w", err)
	}
	return bench{program, []string{"--no-vacuum", "--protocol=prepared", "--file", script, "-D", fmt.Sprint("org=", org), "-D", fmt.Sprint("user=", user),
		"-D", fmt.Sprint("parents=", parents)}, w.stack.DatabaseURL}, nil
}

var told = regexp.MustCompile(`(?s)latency average = ([0-9.]+) ms.*tps = ([0-9.]+)`)

func (b bench) run(ctx context.Context, clients int, each time.Duration) (rate, error) {
	arguments := append(slices.Clone(b.arguments), "--client", strconv.Itoa(clients), "--jobs", strconv.Itoa(min(clients, runtime.NumCPU())), "--time", strconv.Itoa(max(1, int(each.Seconds()))), b.url)
	out, err := exec.CommandContext(ctx, b.program, arguments...).CombinedOutput()
	found := told.FindSubmatch(out)
	if err != nil {
		return rate{}, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	if found == nil {
		return rate{}, fmt.Errorf("pgbench does not tell its rate: %s", out)
	}
	mean, err := strconv.ParseFloat(string(found[1]), 64)
	perSecond, errToo := strconv.ParseFloat(string(found[2]), 64)
	took := time.Duration(mean * float64(time.Millisecond))
	return rate{perSecond, took, took}, errors.Join(err, errToo)
}

// crowd is dispatchers of one warehouse.
type crowd struct {
	address string
	cookies []string     // of their sessions
	parents atomic.Int64 // that were begun
	codes   atomic.Int64 // of children that were scanned
}

// dispatchers is how many accounts the callers share: as many as the largest warehouse has.
const dispatchers = 40

func (s *server) crowd(ctx context.Context) (*crowd, error) {
	all := &crowd{address: s.address}
	for i := 0; len(all.cookies) < dispatchers; i++ {
		if seed.RoleOf(i) != authz.Dispatcher {
			continue
		}
		c, err := call(ctx, s.address)
		if err != nil {
			return nil, err
		}
		err = c.logIn(fmt.Sprintf("seed-a-load-%05d", i+1))
		c.close()
		if err != nil {
			return nil, err
		}
		all.cookies = append(all.cookies, c.cookie)
	}
	return all, nil
}

// scan has n callers, with a connection each, fill parents of their own with new children for a while.
func (c *crowd) scan(ctx context.Context, n int, each time.Duration) (rate, error) {
	callers := make([]*caller, n)
	for i := range callers {
		var err error
		if callers[i], err = call(ctx, c.address); err != nil {
			return rate{}, err
		}
		defer callers[i].close()
		callers[i].cookie = c.cookies[i%len(c.cookies)]
	}
	took, errs := make([][]time.Duration, n), make([]error, n)
	begun := time.Now()
	var wait sync.WaitGroup
	for i, caller := range callers {
		wait.Go(func() { took[i], errs[i] = c.fill(caller, begun.Add(each)) })
	}
	wait.Wait()
	elapsed := time.Since(begun)
	if err := errors.Join(errs...); err != nil {
		return rate{}, fmt.Errorf("scan: %w", err)
	}
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	return rate{float64(len(all)) / elapsed.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

// fill scans until the end, and gives how long each scan took.
func (c *crowd) fill(caller *caller, end time.Time) ([]time.Duration, error) {
	var took []time.Duration
	parent := ""
	for n := 0; time.Now().Before(end); n++ {
		if n%30 == 0 {
			parent = fmt.Sprintf("SB%06d", 900_000+c.parents.Add(1))
		}
		body := fmt.Sprintf(`{"scan_id":"%s","code":"F%09d","parent":"%s"}`, uuid.New(), c.codes.Add(1), parent)
		begun := time.Now()
		if _, err := caller.ask("POST", "/api/scans", body); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
		if !strings.Contains(string(caller.body), `"linked"`) {
			return nil, fmt.Errorf("a scan was not linked: %.300s", caller.body)
		}
	}
	return took, nil
}
