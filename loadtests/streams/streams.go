// Package streams holds dashboards open, as many as asked for: each with a login of its own and a stream of events that is opened
// again when it ends, as a browser does it.
package streams

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say who watches, and where. Dashboards are shared out among the addresses in turn.
type Options struct {
	URLs      []string
	Usernames []string // one stream each
	Password  string
	Logins    int // at a time
}

// Crowd is the watchers.
type Crowd struct {
	options   Options
	transport *http.Transport
	all       chan struct{} // closed when every dashboard has been open at the same time

	mu       sync.Mutex
	complete sync.Once
	counts   Counts
	delays   []time.Duration
}

// Counts are what the streams have come to.
type Counts struct {
	Alive, Fewest int // streams that are open: now, and at the worst moment since Reset
	Events, Beats int
	Opened        int // streams, those that were opened again among them
	Refused       int // logins and streams that were not answered with 200
	P50, P95, Max time.Duration
}

// NewCrowd makes the watchers, who do nothing yet.
func NewCrowd(o Options) *Crowd {
	return &Crowd{options: o, transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1}, all: make(chan struct{})}
}

// Run logs everybody in and holds their streams until ctx ends.
func (c *Crowd) Run(ctx context.Context) error {
	turns := make(chan struct{}, max(1, c.options.Logins))
	group, ctx := errgroup.WithContext(ctx)
	for n, name := range c.options.Usernames {
		w := &watcher{crowd: c, n: n, name: name, url: c.options.URLs[n%len(c.options.URLs)]}
		group.Go(func() error { return w.run(ctx, turns) })
	}
	return group.Wait()
}

// Wait waits until all dashboards are open, and reports whether they were before ctx ended.
func (c *Crowd) Wait(ctx context.Context) bool {
	c.count(func(*Counts) {}) // there may be none to wait for
	select {
	case <-c.all:
		return true
	case <-ctx.Done():
		return false
	}
}

// Reset forgets what was counted until now. The delays and the worst moment begin anew.
func (c *Crowd) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = Counts{Alive: c.counts.Alive, Fewest: c.counts.Alive}
	c.delays = nil
}

// Counts gives what was counted since the last Reset.
func (c *Crowd) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.counts
	if len(c.delays) > 0 {
		slices.Sort(c.delays)
		at := func(part float64) time.Duration { return c.delays[int(part*float64(len(c.delays)-1))] }
		now.P50, now.P95, now.Max = at(0.5), at(0.95), at(1)
	}
	return now
}

func (c *Crowd) count(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.counts)
	c.counts.Fewest = min(c.counts.Fewest, c.counts.Alive)
	if c.counts.Alive == len(c.options.Usernames) {
		c.complete.Do(func() { close(c.all) })
	}
}

// watcher is one of them.
type watcher struct {
	crowd     *Crowd
	n         int
	name, url string
	client    *http.Client
	seen      string // id of the last event
}

// run logs in when it is somebody's turn, and then watches. It ends with ctx.
func (w *watcher) run(ctx context.Context, turns chan struct{}) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return fmt.Errorf("make a jar for cookies: %w", err)
	}
	w.client = &http.Client{Transport: w.crowd.transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for logged := false; !logged && ctx.Err() == nil; {
		select {
		case turns <- struct{}{}:
			logged = w.logIn(ctx) == nil
			<-turns
		case <-ctx.Done():
		}
		if !logged {
			w.refused(ctx)
		}
	}
	for ctx.Err() == nil {
		if err := w.watch(ctx); err != nil {
			w.refused(ctx)
			continue
		}
		w.rest(ctx)
	}
	return nil
}

func (w *watcher) refused(ctx context.Context) {
	if ctx.Err() == nil {
		w.crowd.count(func(c *Counts) { c.Refused++ })
	}
	w.rest(ctx)
}

// retry is the pause before somebody tries again.
const retry = 2 * time.Second

func (w *watcher) rest(ctx context.Context) {
	select {
	case <-time.After(retry):
	case <-ctx.Done():
	}
}

var errStatus = errors.New("another status than expected")

func (w *watcher) logIn(ctx context.Context) error {
	form := url.Values{"username": {w.name}, "password": {w.crowd.options.Password}, "next": {"/dashboard"}}
	r, err := w.request(ctx, http.MethodPost, "/login", form.Encode())
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", w.url)
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("log %s in: %w", w.name, err)
	}
	if err := answer.Body.Close(); err != nil {
		return fmt.Errorf("log %s in: %w", w.name, err)
	}
	if answer.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("log %s in: %w: %d", w.name, errStatus, answer.StatusCode)
	}
	return nil
}

// request makes a request as a browser at an address of its own sends it.
func (w *watcher) request(ctx context.Context, method, path, body string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.200.%d.%d", w.n>>8&255, w.n&255))
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36")
	return r, nil
}

const longestLine = 1 << 20

// watch holds one stream until it ends.
func (w *watcher) watch(ctx context.Context) error {
	r, err := w.request(ctx, http.MethodGet, "/dashboard/events", "")
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if w.seen != "" {
		r.Header.Set("Last-Event-ID", w.seen)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return fmt.Errorf("open a stream: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("open a stream: %w: %d", errStatus, answer.StatusCode)
	}
	w.crowd.count(func(c *Counts) { c.Alive++; c.Opened++ })
	defer w.crowd.count(func(c *Counts) { c.Alive-- })
	first := true
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		first = w.line(lines.Bytes(), first)
	}
	return nil // it ended, as a restart of the server ends it
}

// line reads one line of a stream. The id of an event is the time at which its numbers were read; the first event of a stream
// is as old as the last change, and says nothing about delay.
func (w *watcher) line(text []byte, first bool) bool {
	if bytes.HasPrefix(text, []byte(":")) {
		w.crowd.count(func(c *Counts) { c.Beats++ })
		return first
	}
	id, found := bytes.CutPrefix(text, []byte("id: "))
	if !found {
		return first
	}
	w.seen = string(id)
	made, err := strconv.ParseInt(w.seen, 36, 64)
	w.crowd.count(func(c *Counts) {
		c.Events++
		if err == nil && !first {
			w.crowd.delays = append(w.crowd.delays, time.Since(time.Unix(0, made)))
		}
	})
	return false
}
