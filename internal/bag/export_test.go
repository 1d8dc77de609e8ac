package bag

import (
	"sync"
	"time"
)

// WaitQueued waits until so many callers wait for the next group of an organization.
func WaitQueued(s *Store, orgID int64, callers int) {
	c := s.committerOf(orgID)
	for {
		c.mu.Lock()
		n := len(c.waiting)
		c.mu.Unlock()
		if n >= callers {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// PanicInGroup has callers come whose leader panics, and counts those that come back without an answer.
func PanicInGroup(callers int) int {
	var c committer
	var all sync.WaitGroup
	var mu sync.Mutex
	back := 0
	for range callers {
		all.Go(func() {
			defer func() {
				_ = recover()
				mu.Lock()
				defer mu.Unlock()
				back++
			}()
			c.commit(make([]reading, 1), func([]reading) []Result { panic("a fault of ours") })
		})
	}
	all.Wait()
	return back
}
