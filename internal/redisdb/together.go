package redisdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Queue is where a caller of Together puts its commands. They hold their results when Together returns nil.
type Queue = redis.Pipeliner

// Together sends a caller's commands, in their order, with those of other callers who come at the same time: while some are on
// their way, the next ones gather, and go in one write. A lone caller waits for nobody. A command that finds nothing, or is refused,
// tells so in its own result. The error is for all: ErrAway, when nothing came back within the time budget.
func (db *DB) Together(ctx context.Context, queue func(q Queue)) error {
	if db == nil || db.State() == Away && db.coach.busy() { // somebody tries already whether it is back
		return ErrAway
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, db.budget)
	defer cancel()
	err := db.coach.ride(ctx, queue, db.client.Pipeline, func(p redis.Pipeliner) error { return db.send(ctx, p) })
	db.observe(time.Since(begun).Seconds())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}

// send sends what has gathered. It goes on when the caller who leads goes away: the others wait for theirs. Redis that answers is not
// away, whatever it answers: each command tells by itself. What it refuses counts as a failure nevertheless, as it does with Do.
func (db *DB) send(ctx context.Context, p redis.Pipeliner) error {
	_, err := db.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.budget)
		defer cancel()
		_, err := p.Exec(ctx)
		return struct{}{}, err
	})
	if answered := redis.Error(nil); errors.As(err, &answered) {
		return nil
	}
	return err
}

// coach carries callers' commands, one load after the other. Whoever finds it at rest takes its own load at once; when that is
// back, one of those who wait takes the next.
type coach struct {
	mu     sync.Mutex
	away   bool
	boards *load // gathers while another is on its way; nil while nobody waits
}

// load is what goes together.
type load struct {
	pipe   redis.Pipeliner
	riders int           // who wait, or take it
	turn   chan struct{} // holds one thing when the load may go: whoever gets it takes it
	back   chan struct{} // closed when it is back
	err    error         // read once it is back
}

// ride queues a caller's commands, and returns when they are back or ctx is over.
func (c *coach) ride(ctx context.Context, queue func(Queue), fresh func() redis.Pipeliner, send func(redis.Pipeliner) error) error {
	l := c.board(queue, fresh)
	select {
	case <-l.back:
		return l.err
	case <-l.turn:
		l.err = errors.New("the sender failed") // unless it returns
		defer c.home(l)
		l.err = send(c.leave(l))
		return l.err
	case <-ctx.Done():
		select {
		case <-l.back: // both are there, for a rider who woke late
			return l.err
		default:
		}
		c.step(l)
		return ctx.Err()
	}
}

// board puts commands on the load that gathers.
func (c *coach) board(queue func(Queue), fresh func() redis.Pipeliner) *load {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.boards == nil {
		c.boards = &load{pipe: fresh(), turn: make(chan struct{}, 1), back: make(chan struct{})}
		if !c.away {
			c.away = true
			c.boards.turn <- struct{}{}
		}
	}
	queue(c.boards.pipe)
	c.boards.riders++
	return c.boards
}

// busy reports whether a load is on its way.
func (c *coach) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away
}

// leave closes a load: who comes now gathers anew.
func (c *coach) leave(l *load) redis.Pipeliner {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.boards == l {
		c.boards = nil
	}
	return l.pipe
}

// home tells the riders of a load that it is back, and lets the next one go.
func (c *coach) home(l *load) {
	close(l.back)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next()
}

func (c *coach) next() {
	if c.away = c.boards != nil; c.away {
		c.boards.turn <- struct{}{}
	}
}

// step lets a rider go who waits no longer. A load that nobody waits for is not sent.
func (c *coach) step(l *load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.riders--; l.riders > 0 || c.boards != l {
		return
	}
	c.boards = nil
	select {
	case <-l.turn: // it had been let go
		c.away = false
	default:
	}
}
