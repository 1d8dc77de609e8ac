package session

import (
	"context"
	"fmt"
	"time"

	"traitortrack/internal/pg"
)

const (
	followEvery = 500 * time.Millisecond
	followLimit = time.Second // for one look
	sweepEvery  = 10 * time.Minute
)

// Run keeps up with the generation in force, and clears away sessions that are over, until ctx ends. What fails is tried
// again at the next turn; that the database or Redis is away is for the prober to tell.
func (s *Sessions) Run(ctx context.Context) error {
	_ = s.store.follow(ctx)
	follow, sweep := time.NewTicker(followEvery), time.NewTicker(sweepEvery)
	defer follow.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-follow.C:
			_ = s.store.follow(ctx)
		case <-sweep.C:
			_ = s.store.sweep(ctx)
		}
	}
}

// follow learns the generation in force. A Redis that restarted, or whose place another took, may have forgotten which
// sessions have ended: that raises the generation.
func (s *store) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, followLimit)
	defer cancel()
	generation, err := New(s.db.For(ctx)).getGeneration(ctx)
	if err != nil {
		return pg.Refusal(fmt.Errorf("read the session generation: %w", err))
	}
	s.learn(generation)
	now, err := s.redis.Incarnation(ctx)
	if err != nil || now == s.incarnation {
		return nil // a Redis that is away has nothing to tell
	}
	if s.incarnation != "" {
		if generation, err = New(s.db.For(ctx)).raiseGeneration(ctx); err != nil {
			return pg.Refusal(fmt.Errorf("raise the session generation: %w", err))
		}
		s.learn(generation)
	}
	s.incarnation = now
	return nil
}

// learn notes a generation, unless a higher one is known: an answer may have been overtaken on its way.
func (s *store) learn(generation int64) {
	for known := s.generation.Load(); generation > known; known = s.generation.Load() {
		if s.generation.CompareAndSwap(known, generation) {
			return
		}
	}
}

func (s *store) sweep(ctx context.Context) error {
	if err := New(s.db.For(ctx)).deleteExpired(ctx, s.now()); err != nil {
		return pg.Refusal(fmt.Errorf("clear away sessions that are over: %w", err))
	}
	return nil
}
