package bag

import (
	"slices"
	"sync"
)

// mostScans bounds a group. A request of more scans is a group by itself.
const mostScans = 500

// committer commits the scans of one organization on this instance, one group after the other: while a group is written,
// the callers that come form the next one. The first of them leads it and commits for all of them, on its own
// goroutine. So there is nothing to start, to stop or to time, and a lone caller waits for nobody.
type committer struct {
	mu      sync.Mutex
	busy    bool      // somebody leads
	waiting []*ticket // in the order in which they came
	gauges  gauges
}

// ticket is one caller's scans on their way.
type ticket struct {
	scans   []reading
	results []Result  // shorter than scans if the leader failed
	turn    chan bool // true: lead the next group; false: the results are there
}

// committerOf gives the committer of an organization.
func (s *Store) committerOf(orgID int64) *committer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.committers[orgID]
	if c == nil {
		c = &committer{gauges: s.gauges}
		s.committers[orgID] = c
	}
	return c
}

// commit has scans written in a group, whole and in their order, and gives their results. Whoever leads writes the group.
// A caller stays until its scans are done even when its own client has hung up: it is a matter of milliseconds, and
// nobody needs to look after what was left behind.
func (c *committer) commit(scans []reading, write func([]reading) []Result) []Result {
	t := &ticket{scans: scans, turn: make(chan bool, 1)}
	if c.join(t) || <-t.turn {
		c.lead(write)
	}
	return t.results
}

// join queues a ticket and reports whether it is to lead at once.
func (c *committer) join(t *ticket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, t)
	first := !c.busy
	c.busy = true
	return first
}

// lead writes the next group, of which the leader is the first.
func (c *committer) lead(write func([]reading) []Result) {
	group := c.next()
	defer c.handOver(group) // also when writing panics: the others must not wait for ever
	c.gauges.tellGroup(group)
	var scans []reading
	for _, t := range group {
		scans = append(scans, t.scans...)
	}
	results := write(scans)
	for _, t := range group {
		n := len(t.scans)
		t.results, results = results[:n:n], results[n:]
	}
}

// next takes the tickets of the next group.
func (c *committer) next() []*ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, size := 0, 0
	for n < len(c.waiting) && (n == 0 || size+len(c.waiting[n].scans) <= mostScans) {
		size += len(c.waiting[n].scans)
		n++
	}
	group := c.waiting[:n:n]
	c.waiting = slices.Clone(c.waiting[n:])
	return group
}

// handOver has the first of those who wait lead the next group, and lets those of this group go.
func (c *committer) handOver(group []*ticket) {
	c.mu.Lock()
	if c.busy = len(c.waiting) > 0; c.busy {
		c.waiting[0].turn <- true
	}
	c.mu.Unlock()
	for _, t := range group[1:] {
		t.turn <- false
	}
}
