package account

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/authz"
)

// clock is a clock that stands still until it is told to go on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestStandingsAreReadOnceForAll(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	release := make(chan struct{})
	c := newStandings(func(_ context.Context, id int64) (standing, error) {
		reads.Add(1)
		<-release
		return standing{actor: authz.Actor{UserID: id}, active: true, epoch: 3}, nil
	}, newClock().now)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if st, err := c.get(t.Context(), 7, 3); err != nil || st.actor.UserID != 7 {
				t.Errorf("got %+v, %v", st, err)
			}
		})
	}
	close(release)
	wait.Wait()
	if n := reads.Load(); n != 1 {
		t.Errorf("%d reads for callers who came together", n)
	}
}

func TestStandingsAreReadAgain(t *testing.T) {
	t.Parallel()
	var reads, epoch int64
	fail := errors.New("away")
	var fault error
	hands := newClock()
	c := newStandings(func(context.Context, int64) (standing, error) {
		reads++
		return standing{active: true, epoch: epoch}, fault
	}, hands.now)
	expect := func(what string, sessionEpoch, wantReads int64, wantErr error) {
		t.Helper()
		if _, err := c.get(t.Context(), 1, sessionEpoch); !errors.Is(err, wantErr) {
			t.Errorf("%s: error %v", what, err)
		}
		if reads != wantReads {
			t.Errorf("%s: %d reads, not %d", what, reads, wantReads)
		}
	}
	expect("the first time", 0, 1, nil)
	expect("a moment later", 0, 1, nil)
	epoch = 1
	expect("a session that began under a later epoch", 1, 2, nil)
	hands.advance(recentTTL)
	fault = fail
	expect("while the database is away", 1, 3, fail)
	fault = nil
	expect("a fault is not kept", 1, 4, nil)
}

// TestToldStandingsLast has a store be told of changes: it reads again after each, and when it is not sure any more.
func TestToldStandingsLast(t *testing.T) {
	t.Parallel()
	reads := 0
	hands := newClock()
	c := newStandings(func(context.Context, int64) (standing, error) {
		reads++
		return standing{active: true}, nil
	}, hands.now)
	told := hands.now()
	c.told = func() time.Time { return told }
	expect := func(what string, wantReads int) {
		t.Helper()
		if _, err := c.get(t.Context(), 1, 0); err != nil || reads != wantReads {
			t.Errorf("%s: %d reads, not %d, error %v", what, reads, wantReads, err)
		}
	}
	expect("the first time", 1)
	for range 40 {
		hands.advance(time.Second)
		told = hands.now()
		expect("while changes are told", 1)
	}
	c.hear("2")
	expect("after a change to another", 1)
	c.hear("1")
	expect("after a change to this one", 2)
	c.hear("")
	expect("when a change may have been missed", 3)
	hands.advance(recentTTL)
	expect("once nobody has told for so long", 4)
	told = hands.now()
	for range int(oldest / time.Second) {
		hands.advance(time.Second)
		told = hands.now()
	}
	expect("at the end of its life", 5)
}

// TestAReadFromBeforeAChangeIsNotKept has a change told while its user is read.
func TestAReadFromBeforeAChangeIsNotKept(t *testing.T) {
	t.Parallel()
	var c *standings
	reads := 0
	c = newStandings(func(context.Context, int64) (standing, error) {
		if reads++; reads == 1 {
			c.hear("1")
		}
		return standing{active: true}, nil
	}, newClock().now)
	for range 3 {
		if _, err := c.get(t.Context(), 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	if reads != 2 {
		t.Errorf("%d reads, want one from before the change and one after", reads)
	}
}

func TestStandingsAreBounded(t *testing.T) {
	t.Parallel()
	c := newStandings(func(context.Context, int64) (standing, error) { return standing{active: true}, nil }, newClock().now)
	for id := range int64(maxRecent + 10) {
		if _, err := c.get(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.kept) > maxRecent {
		t.Errorf("%d standings are kept", len(c.kept))
	}
}

func TestWhoGoesAwayDoesNotSpoilTheRead(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	c := newStandings(func(ctx context.Context, _ int64) (standing, error) {
		close(started)
		<-release
		return standing{active: true}, ctx.Err()
	}, newClock().now)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := c.get(ctx, 1, 0); gone <- err }()
	<-started
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away got %v", err)
	}
	close(release)
	if st, err := c.get(t.Context(), 1, 0); err != nil || !st.active {
		t.Errorf("who stayed got %+v, %v", st, err)
	}
}
