package pool

import (
	"testing"
	"time"

	"traitortrack/internal/obs"
)

// TestPoolsStandInOneOrder holds that pools of one size, as the primary's and the replica's are, do not change places from one sample
// to the next.
func TestPoolsStandInOneOrder(t *testing.T) {
	t.Parallel()
	w := NewWatch(Options{})
	for range 50 {
		w.take(map[string]obs.PoolStats{"replica": {Max: 40}, Primary: {Max: 40}, "reserve": {Max: 2}, "direct": {Max: 6}}, time.Now())
		var names [4]string
		for i, p := range w.Pools() {
			names[i] = p.Name
		}
		if names != [4]string{Primary, "replica", "direct", "reserve"} {
			t.Fatalf("the pools are told as %v", names)
		}
	}
}
