package org

import (
	"context"
	"strconv"
	"time"

	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// The channels on which changes of organizations are told: the organization's id, as text.
const (
	redisChannel    = "traitortrack:org"
	postgresChannel = "traitortrack_org"
)

// announceBudget is more than what a request may wait for Redis: a change is rare, and worth it.
const announceBudget = 250 * time.Millisecond

// Announce tells the instances that listen at Redis that an organization has changed, after its transaction. That nobody
// could be told is no failure: PostgreSQL tells them as well.
func Announce(ctx context.Context, redis *redisdb.DB, orgID int64) {
	_ = redis.WithBudget(announceBudget).Do(ctx, func(ctx context.Context, c redisdb.Commands) error {
		return c.Publish(ctx, redisChannel, strconv.FormatInt(orgID, 10)).Err()
	})
}

// Watch hears of changes that other instances and commands make, so that copies of organizations are forgotten at once. It
// listens at Redis, where one is configured, and at PostgreSQL, which is slower and always there.
type Watch struct {
	redis *redisdb.DB // nil where none is configured
	heard []func(orgID int64)
}

// NewWatch makes a watch that calls each of heard with the organization that has changed, or with 0 when changes may have
// been missed. What listens at PostgreSQL is run by who made it.
func NewWatch(postgres *pg.Listener, redis *redisdb.DB, heard ...func(orgID int64)) *Watch {
	w := &Watch{redis: redis, heard: heard}
	postgres.On(postgresChannel, w.read)
	return w
}

// rejoin is how long a watch waits until it tries to listen at Redis again.
const rejoin = 250 * time.Millisecond

// Run listens at Redis until ctx ends. Where it cannot listen, it tries again: PostgreSQL tells meanwhile. That Redis is away is for the
// prober to tell.
func (w *Watch) Run(ctx context.Context) error {
	pause := time.NewTicker(rejoin)
	defer pause.Stop()
	for w.redis != nil && ctx.Err() == nil {
		_ = w.redis.Listen(ctx, redisChannel, func() { w.tell(0) }, w.read)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
	return nil
}

func (w *Watch) tell(orgID int64) {
	for _, heard := range w.heard {
		heard(orgID)
	}
}

// read tells of a change. A message that names no organization is about any.
func (w *Watch) read(message string) {
	orgID, _ := strconv.ParseInt(message, 10, 64)
	w.tell(orgID)
}
