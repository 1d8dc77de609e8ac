package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// The bars for the 99th of a hundred reads.
const (
	dashboardBar = 10 * time.Millisecond
	statsBar     = 2 * time.Millisecond
	listBar      = 20 * time.Millisecond
)

// warm is how often each read is made before it is timed.
const warm = 50

// route is a read that is timed: name, bar and the paths that are asked for in turn.
type route struct {
	name  string
	bar   time.Duration
	paths []string
}

// reads times what people read, one request after the other, as an admin of the largest warehouse. The first of what it
// gives is the reference: a bare chi handler, over the same kind of connection.
func (s *server) reads(ctx context.Context, w *warehouse, o options) ([]timed, error) {
	bare, err := timeBare(ctx, o.Reads)
	if err != nil {
		return nil, err
	}
	c, err := call(ctx, s.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.logIn("seed-a-admin"); err != nil {
		return nil, err
	}
	routes, err := w.routes(ctx)
	if err != nil {
		return nil, err
	}
	all := []timed{bare}
	for _, r := range routes {
		if _, err := c.time(r.name, r.bar, cycle(r.paths, warm)); err != nil {
			return nil, err
		}
		t, err := c.time(r.name, r.bar, cycle(r.paths, o.Reads))
		if err != nil {
			return nil, err
		}
		say("%s: p50 %s, p99 %s", t.name, short(t.p50), short(t.p99))
		all = append(all, t)
	}
	return all, nil
}

// cycle repeats paths until there are n.
func cycle(paths []string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = paths[i%len(paths)]
	}
	return all
}

// routes gives what is read, with codes and numbers from all over the largest warehouse.
func (w *warehouse) routes(ctx context.Context) ([]route, error) {
	parents, err := w.some(ctx, "SELECT code FROM bag WHERE org_id = $1 AND kind = 'parent' AND id >= $2 ORDER BY id LIMIT 1")
	if err != nil {
		return nil, err
	}
	children, err := w.some(ctx, "SELECT code FROM bag WHERE org_id = $1 AND kind = 'child' AND id >= $2 ORDER BY id LIMIT 1")
	if err != nil {
		return nil, err
	}
	bills, err := w.some(ctx, "SELECT b.number FROM bag p JOIN bill_bag l ON (l.org_id, l.bag_id) = (p.org_id, p.id) JOIN bill b ON (b.org_id, b.id) = (l.org_id, l.bill_id)"+
		" WHERE p.org_id = $1 AND p.kind = 'parent' AND p.id >= $2 ORDER BY p.id LIMIT 1")
	if err != nil {
		return nil, err
	}
	return []route{
		{"/dashboard", dashboardBar, []string{"/dashboard"}},
		{"/api/stats", statsBar, []string{"/api/stats"}},
		{"/bags", listBar, []string{"/bags", "/bags?kind=parent", "/bags?kind=child", "/bags?kind=parent&status=completed", "/bags?kind=child&status=unlinked"}},
		{"/bags, searched", listBar, each("/bags?q=", prefixes(children))},
		{"/bags/{code}, a parent", listBar, each("/bags/", parents)},
		{"/bags/{code}, a child", listBar, each("/bags/", children)},
		{"/api/bags/{code}/history", listBar, wrap("/api/bags/", parents, "/history")},
		{"/bills", listBar, []string{"/bills", "/bills?status=new", "/bills?status=processing", "/bills?status=completed"}},
		{"/bills/{number}", listBar, each("/bills/", bills)},
		{"/api/search, a child", listBar, each("/api/search?q=", children)},
		{"/api/search, a bill", listBar, each("/api/search?q=", bills)},
		{"/scan", listBar, each("/scan?parent=", parents)},
		{"/audit", listBar, []string{"/audit", "/audit?action=bill_complete", "/audit?user=seed-a-biller"}},
		{"/users", listBar, []string{"/users", "/users?q=seed-a-load-000"}},
	}, nil
}

// someCodes is how many different ones of a kind are asked for.
const someCodes = 200

// some gives codes from all over the largest warehouse, by a statement that gives one at or behind an id.
func (w *warehouse) some(ctx context.Context, sql string) ([]string, error) {
	var org, last int64
	err := w.db.Pool().QueryRow(ctx, "SELECT o.id, (SELECT max(b.id) FROM bag b WHERE b.org_id = o.id) FROM organization o WHERE o.name = 'seed-a'").Scan(&org, &last)
	if err != nil {
		return nil, fmt.Errorf("look at the largest warehouse: %w", err)
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same codes in every run
	var codes []string
	for range someCodes {
		var code string
		if err := w.db.Pool().QueryRow(ctx, sql, org, 1+rng.Int64N(last*9/10)).Scan(&code); err != nil {
			return nil, fmt.Errorf("choose codes: %w", err)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

func each(path string, codes []string) []string { return wrap(path, codes, "") }

func wrap(path string, codes []string, rest string) []string {
	var all []string
	for _, code := range codes {
		all = append(all, path+url.PathEscape(code)+rest)
	}
	return all
}

// prefixes are what somebody types of codes before the list is short.
func prefixes(codes []string) []string {
	var all []string
	for _, code := range codes {
		all = append(all, code[:len(code)-3])
	}
	return all
}

// timeBare times a handler of chi's that does nothing, in this process.
func timeBare(ctx context.Context, n int) (timed, error) {
	router := chi.NewRouter()
	router.Get("/bare", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return timed{}, fmt.Errorf("listen for the reference: %w", err)
	}
	bare := &http.Server{Handler: router, ReadHeaderTimeout: time.Second}
	var serving sync.WaitGroup
	var served error
	serving.Go(func() { served = bare.Serve(listener) })
	t, err := timeAt(ctx, listener.Addr().String(), n)
	err = errors.Join(err, bare.Close())
	serving.Wait()
	if !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve the reference: %w", served))
	}
	return t, err
}

func timeAt(ctx context.Context, address string, n int) (timed, error) {
	c, err := call(ctx, address)
	if err != nil {
		return timed{}, err
	}
	defer c.close()
	if _, err := c.time("", 0, cycle([]string{"/bare"}, warm)); err != nil {
		return timed{}, err
	}
	return c.time("a bare chi handler", 0, cycle([]string{"/bare"}, n))
}
