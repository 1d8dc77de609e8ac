package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"traitortrack/loadtests/machine"
	"traitortrack/loadtests/numbers"
	"traitortrack/loadtests/streams"
)

// Series that are looked at.
const (
	memorySeries    = "process_resident_memory_bytes"
	poolInUse       = `traitortrack_db_pool_in_use{pool="primary"}`
	poolMax         = `traitortrack_db_pool_max{pool="primary"}`
	preparedInUse   = `traitortrack_db_pool_in_use{pool="prepared"}` // behind a pooler
	preparedMax     = `traitortrack_db_pool_max{pool="prepared"}`
	redisUp         = `traitortrack_redis_up{redis="main"}`
	redisMemoryUsed = `traitortrack_redis_memory_used_bytes{redis="main"}`
	redisMemoryMax  = `traitortrack_redis_memory_max_bytes{redis="main"}`
)

// watched is what was seen of the servers. What it holds "at most" counts from the first arrival, the rest from begin.
type watched struct {
	memory      float64 // bytes, of all servers together, at most
	pool        float64 // part of the pool in use, of the fullest server, at most
	prepared    float64 // the same of the connections that keep their statements prepared
	redisMemory float64 // part of what Redis may use, at most
	gaps        int     // looks that were not answered
	took        time.Duration
	counted     numbers.Numbers        //  what every series of all servers rose by
	used        map[string]machine.Use // by programs; the memory at most
}

// baseline is how things stood when the measurement began.
type baseline struct {
	at      time.Time
	counted numbers.Numbers
	used    map[string]machine.Use
}

// watch looks at the servers once a second. What it has seen belongs to run; the others reach it by the channels.
type watch struct {
	site  *site
	crowd *streams.Crowd
	looks int
	from  baseline
	seen  watched
	begun chan baseline
	ended chan struct{}
	last  chan watched
}

func newWatch(s *site, c *streams.Crowd) *watch {
	return &watch{site: s, crowd: c, begun: make(chan baseline, 1), ended: make(chan struct{}), last: make(chan watched, 1)}
}

// begin starts the measurement: what rises is counted from here. It is called once.
func (w *watch) begin(ctx context.Context) error {
	counted, err := w.sum(ctx)
	if err != nil {
		return err
	}
	w.begun <- baseline{at: time.Now(), counted: counted, used: w.used()}
	return nil
}

// run looks until end.
func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look(ctx)
		case w.from = <-w.begun:
		case <-w.ended:
			w.last <- w.finish(context.WithoutCancel(ctx))
			return nil
		}
	}
}

// end ends the measurement, and gives what was seen.
func (w *watch) end() watched {
	close(w.ended)
	return <-w.last
}

func (w *watch) finish(ctx context.Context) watched {
	seen := w.seen
	seen.took = time.Since(w.from.at)
	after, err := w.sum(ctx)
	if err != nil || w.from.counted == nil {
		seen.gaps++
		return seen
	}
	seen.counted = numbers.Numbers{}
	for series, n := range after {
		seen.counted[series] = n - w.from.counted[series]
	}
	for name, before := range w.from.used {
		now := seen.used[name]
		seen.used[name] = machine.Use{Time: now.Time - before.Time, Memory: now.Memory}
	}
	return seen
}

func (w *watch) used() map[string]machine.Use {
	return machine.Used(filepath.Join(w.site.dir, "data"), "streams and runner")
}

func (w *watch) sum(ctx context.Context) (numbers.Numbers, error) {
	all := numbers.Numbers{}
	for _, url := range w.site.metrics {
		one, err := numbers.Read(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("read the numbers of a server: %w", err)
		}
		for series, n := range one {
			all[series] += n
		}
	}
	return all, nil
}

// sayEvery so many looks it is told how things go.
const sayEvery = 30

// look keeps the worst of what can be seen now.
func (w *watch) look(ctx context.Context) {
	memory := 0.0
	for _, url := range w.site.metrics {
		one, err := numbers.Read(ctx, url)
		if err != nil {
			w.seen.gaps++
			continue
		}
		memory += one[memorySeries]
		w.seen.pool = max(w.seen.pool, one[poolInUse]/one[poolMax])
		w.seen.prepared = max(w.seen.prepared, one[preparedInUse]/max(1, one[preparedMax]))
		if part := one[redisMemoryUsed] / one[redisMemoryMax]; part > w.seen.redisMemory { // it is not a number while Redis is away
			w.seen.redisMemory = part
		}
	}
	w.seen.memory = max(w.seen.memory, memory)
	if w.looks++; w.looks%sayEvery == 0 {
		say("%d s: servers %.2f GB, pools at most %s and %s, %d streams", w.looks, memory/1e9, percent(w.seen.pool), percent(w.seen.prepared), w.crowd.Counts().Alive)
	}
	most := w.seen.used
	w.seen.used = w.used() // now, and not at the end: a generator that has ended tells nothing any more
	for name, u := range most {
		w.seen.used[name] = machine.Use{Time: max(u.Time, w.seen.used[name].Time), Memory: max(u.Memory, w.seen.used[name].Memory)}
	}
}
