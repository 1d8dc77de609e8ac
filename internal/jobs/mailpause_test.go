package jobs

import (
	"testing"
	"time"
)

// TestPause holds that a mail is tried again soon, later less often, and for about a day.
func TestPause(t *testing.T) {
	t.Parallel()
	var all time.Duration
	for attempt := 1; attempt < 30; attempt++ {
		wait := pause(attempt)
		longest := min(firstPause<<min(attempt-1, 8), longestPause)
		if wait > longest || wait < longest*4/5 {
			t.Errorf("after try %d it waits %s, and not about %s", attempt, wait, longest)
		}
		all += wait
	}
	if all < 16*time.Hour || all > 24*time.Hour {
		t.Errorf("all pauses together are %s", all)
	}
}
