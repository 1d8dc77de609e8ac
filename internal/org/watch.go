package org

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

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
	url   string      // of PostgreSQL itself: a transaction pooler cannot be listened through
	redis *redisdb.DB // nil where none is configured
	heard []func(orgID int64)
}

// NewWatch makes a watch that calls each of heard with the organization that has changed, or with 0 when changes may have
// been missed.
func NewWatch(url string, redis *redisdb.DB, heard ...func(orgID int64)) *Watch {
	return &Watch{url: url, redis: redis, heard: heard}
}

// rejoin is how long a watch waits until it tries to listen again.
const rejoin = 250 * time.Millisecond

// Run listens until ctx ends. Where it cannot listen, it tries again: copies are then as old as they may get.
func (w *Watch) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.persist(ctx, w.listenPostgres) })
	if w.redis != nil {
		group.Go(func() error { return w.persist(ctx, w.listenRedis) })
	}
	return group.Wait()
}

// persist listens again whenever listening ends. That the database or Redis is away is for the prober to tell.
func (w *Watch) persist(ctx context.Context, listen func(context.Context) error) error {
	pause := time.NewTicker(rejoin)
	defer pause.Stop()
	for ctx.Err() == nil {
		_ = listen(ctx)
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

func (w *Watch) listenRedis(ctx context.Context) error {
	return w.redis.Listen(ctx, redisChannel, func() { w.tell(0) }, w.read)
}

func (w *Watch) listenPostgres(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return fmt.Errorf("listen at the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+postgresChannel); err != nil {
		return fmt.Errorf("listen at the database: %w", err)
	}
	w.tell(0)
	for {
		notice, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen at the database: %w", err)
		}
		w.read(notice.Payload)
	}
}
