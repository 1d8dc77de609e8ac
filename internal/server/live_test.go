package server

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestASnapshotIsRenderedOnceForAll has a thousand viewers ask at once.
func TestASnapshotIsRenderedOnceForAll(t *testing.T) {
	t.Parallel()
	var painted atomic.Int64
	now := time.Unix(1_700_000_000, 0)
	l := newLive(func(context.Context, int64) ([]byte, error) {
		time.Sleep(20 * time.Millisecond) // so that the others come meanwhile
		painted.Add(1)
		return []byte("<p>one\r\ntwo</p>"), nil
	}, func() time.Time { return now })
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if s, err := l.get(t.Context(), 1); err != nil || s == nil {
				t.Errorf("get: %v %v", s, err)
			}
		})
	}
	wg.Wait()
	if n := painted.Load(); n != 1 {
		t.Errorf("painted %d times for one moment", n)
	}
	latest, changed := l.latest(1)
	now = now.Add(liveEvery)
	if again, err := l.get(t.Context(), 1); err != nil || again.id != latest.id {
		t.Errorf("the same content has another id: %v %v", again, err)
	}
	select {
	case <-changed:
		t.Error("watchers were woken though nothing had changed")
	default:
	}
	if got, want := string(latest.event), "event: snapshot\nid: "+latest.id+"\ndata: <p>one\ndata: two</p>\n\n"; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
}
