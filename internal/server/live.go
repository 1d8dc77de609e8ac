package server

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Times of live events.
const (
	liveEvery     = 2 * time.Second  // how often a watched dashboard is looked at for changes
	liveHeartbeat = 15 * time.Second // how often a stream shows that it still is there, and asks whether its session is
	liveWrite     = 10 * time.Second // a reader who takes no more for so long is let go
	liveRead      = 10 * time.Second // for one look at the numbers
)

// snapshot is one state of a dashboard, made and rendered once for all who look at it.
type snapshot struct {
	id    string // another for each change, also for one back to what was before
	html  template.HTML
	event []byte // the same, as it goes onto every stream
	made  time.Time
}

// feed is the dashboard of one organization. changed is closed, and another put in its place, when latest is another one.
type feed struct {
	latest  *snapshot
	changed chan struct{}
	viewers int
}

// live keeps the dashboards that are looked at, each read and rendered once however many look.
type live struct {
	paint     func(ctx context.Context, orgID int64) ([]byte, error)
	now       func() time.Time
	heartbeat time.Duration
	mu        sync.Mutex
	feeds     map[int64]*feed
	end       sync.Once
	over      chan struct{} // closed when no stream may go on
	flight    singleflight.Group
}

func newLive(paint func(context.Context, int64) ([]byte, error), now func() time.Time) *live {
	return &live{paint: paint, now: now, heartbeat: liveHeartbeat, feeds: map[int64]*feed{}, over: make(chan struct{})}
}

// EndLive ends every stream, so that the server can end.
func (s *Server) EndLive() {
	for _, l := range s.lives() {
		l.end.Do(func() { close(l.over) })
	}
}

// lives are the pages that change by themselves.
func (s *Server) lives() []*live { return []*live{s.live, s.livePool} }

// RunLive looks at every dashboard that somebody watches, and tells its watchers what has changed, until ctx ends.
func (s *Server) RunLive(ctx context.Context) error {
	defer s.EndLive()
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for _, l := range s.lives() {
				l.turn(ctx)
			}
		}
	}
}

// turn looks at what is watched.
func (l *live) turn(ctx context.Context) {
	for _, orgID := range l.watched() {
		_, _ = l.get(ctx, orgID) // tried again at the next turn; that the database is away is for the prober to tell
	}
}

// watched gives the organizations whose dashboards are looked at, and forgets the others.
func (l *live) watched() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var orgs []int64
	for orgID, f := range l.feeds {
		if f.viewers > 0 {
			orgs = append(orgs, orgID)
		} else if l.stale(f) {
			delete(l.feeds, orgID)
		}
	}
	return orgs
}

// stale reports whether a feed's snapshot is old enough to be made anew. A turn of RunLive that comes a little early counts.
func (l *live) stale(f *feed) bool {
	return f.latest == nil || l.now().Sub(f.latest.made) >= liveEvery-liveEvery/10
}

// get gives an organization's dashboard as it is now. However many ask at once, one reads and renders.
func (l *live) get(ctx context.Context, orgID int64) (*snapshot, error) {
	if kept := l.fresh(orgID); kept != nil {
		return kept, nil
	}
	answer := l.flight.DoChan(strconv.FormatInt(orgID, 10), func() (any, error) {
		if kept := l.fresh(orgID); kept != nil {
			return kept, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liveRead) // others wait, even when this caller goes away
		defer cancel()
		made := l.now()
		body, err := l.paint(ctx, orgID)
		if err != nil {
			return nil, err
		}
		return l.keep(orgID, body, made), nil
	})
	select {
	case r := <-answer:
		kept, _ := r.Val.(*snapshot)
		return kept, r.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the dashboard of organization %d: %w", orgID, ctx.Err())
	}
}

func (l *live) fresh(orgID int64) *snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.feed(orgID); !l.stale(f) {
		return f.latest
	}
	return nil
}

// feed gives an organization's feed, which is locked by the caller.
func (l *live) feed(orgID int64) *feed {
	f := l.feeds[orgID]
	if f == nil {
		f = &feed{changed: make(chan struct{})}
		l.feeds[orgID] = f
	}
	return f
}

// keep makes a rendered dashboard the latest, and wakes its watchers where it is another than before.
func (l *live) keep(orgID int64, body []byte, made time.Time) *snapshot {
	fresh := &snapshot{id: strconv.FormatInt(made.UnixNano(), 36), html: template.HTML(body), made: made} //nolint:gosec // painted by a template, so it is safe
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.feed(orgID)
	if f.latest != nil && f.latest.html == fresh.html {
		fresh.id, fresh.event = f.latest.id, f.latest.event
	} else {
		fresh.event = eventOf("snapshot", fresh.id, body)
		close(f.changed)
		f.changed = make(chan struct{})
	}
	f.latest = fresh
	return fresh
}

// eventOf puts a body into the form of an event: each of its lines behind a name.
func eventOf(name, id string, body []byte) []byte {
	var event bytes.Buffer
	fmt.Fprintf(&event, "event: %s\nid: %s\n", name, id)
	for line := range bytes.Lines(body) {
		event.WriteString("data: ")
		event.Write(bytes.TrimRight(line, "\r\n"))
		event.WriteByte('\n')
	}
	event.WriteByte('\n')
	return event.Bytes()
}

// join counts one more watcher of an organization, until leave.
func (l *live) join(orgID int64) { l.count(orgID, 1) }

func (l *live) leave(orgID int64) { l.count(orgID, -1) }

func (l *live) count(orgID int64, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.feed(orgID).viewers += n
}

// latest gives an organization's snapshot, nil before the first, and what is closed when there is another.
func (l *live) latest(orgID int64) (*snapshot, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.feed(orgID)
	return f.latest, f.changed
}

// stream is one watcher's connection.
type stream struct {
	w    http.ResponseWriter
	out  *http.ResponseController
	now  func() time.Time
	seen string // id of the snapshot that the watcher has
}

// newStream begins an answer that lasts. A watcher who comes back says what it saw last.
func newStream(w http.ResponseWriter, r *http.Request, now func() time.Time) *stream {
	st := &stream{w: w, out: http.NewResponseController(w), now: now, seen: r.Header.Get("Last-Event-ID")}
	if st.seen == "" {
		st.seen = r.URL.Query().Get("seen")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	_ = st.out.SetReadDeadline(time.Time{}) // the server's own deadline is for requests that end
	return st
}

// write sends bytes at once, or fails within liveWrite.
func (st *stream) write(text []byte) error {
	if err := st.out.SetWriteDeadline(st.now().Add(liveWrite)); err != nil {
		return fmt.Errorf("deadline of a stream: %w", err)
	}
	if _, err := st.w.Write(text); err != nil {
		return fmt.Errorf("write to a stream: %w", err)
	}
	return st.out.Flush()
}

// finish leaves time for the end of the answer: the deadline of the last write has passed, and the stream would break off.
func (st *stream) finish() { _ = st.out.SetWriteDeadline(st.now().Add(liveWrite)) }

// show sends a snapshot, unless the watcher has it.
func (st *stream) show(latest *snapshot) error {
	if latest == nil || latest.id == st.seen {
		return nil
	}
	st.seen = latest.id
	return st.write(latest.event)
}

// retryLine tells a watcher when to come back: not all at once.
func retryLine() []byte {
	return fmt.Appendf(nil, "retry: %d\n\n", 2000+rand.N(3000)) //nolint:gosec // nobody gains by guessing a pause
}
