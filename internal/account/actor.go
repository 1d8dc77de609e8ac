package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/singleflight"

	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
)

// Actor gives who a session's user is now. A user who is gone or shut out, and a session from before the user's present
// epoch, are unauthenticated. A change to a user is known within a second; address, device and request are the caller's
// to fill in.
func (s *Store) Actor(ctx context.Context, userID, epoch int64) (authz.Actor, error) {
	st, err := s.standing.get(ctx, userID, epoch)
	if err != nil {
		return authz.Actor{}, err
	}
	if !st.active || st.epoch != epoch {
		return authz.Actor{}, errEnded()
	}
	return st.actor, nil
}

// standing is what a user is and may do at one moment.
type standing struct {
	actor  authz.Actor
	active bool
	epoch  int64
	until  time.Time // when it is to be read again
}

// readTimeout bounds a read that others wait for, too.
const readTimeout = 5 * time.Second

func (s *Store) readStanding(ctx context.Context, userID int64) (standing, error) {
	row, err := New(s.db.Pool()).getStanding(ctx, userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return standing{}, nil
	}
	if err != nil {
		return standing{}, pg.Refusal(fmt.Errorf("read user %d: %w", userID, err))
	}
	actor := authz.Actor{UserID: userID, OrgID: row.OrgID, Username: row.Username, Role: authz.Role(row.Role), Area: row.Area}
	actor.Owes = duty(row.MustChangePassword, row.Enrolled, s.RequireAdmin2FA && actor.Role == authz.Admin)
	return standing{actor: actor, active: row.Active, epoch: row.SessionEpoch}, nil
}

// How long a standing is believed, and how many are kept. The time counts from before the row is read, and leaves some
// of the second for the reading.
const (
	standingTTL  = 750 * time.Millisecond
	maxStandings = 10_000
)

// standings keeps users' standings for a moment, since every request asks. However many ask for a user, one reads.
type standings struct {
	read   func(ctx context.Context, userID int64) (standing, error)
	now    func() time.Time
	mu     sync.RWMutex
	kept   map[int64]standing
	flight singleflight.Group
}

func newStandings(read func(context.Context, int64) (standing, error), now func() time.Time) *standings {
	return &standings{read: read, now: now, kept: map[int64]standing{}}
}

// get gives a user's standing. One that is older than the session's epoch is out of date, whatever its age.
func (c *standings) get(ctx context.Context, userID, epoch int64) (standing, error) {
	if st, ok := c.fresh(userID); ok && st.epoch >= epoch {
		return st, nil
	}
	// The epoch is part of the key: who has logged in anew does not wait for an answer from before.
	key := strconv.FormatInt(userID, 10) + "/" + strconv.FormatInt(epoch, 10)
	answer := c.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout) // others wait, even when this caller goes away
		defer cancel()
		until := c.now().Add(standingTTL)
		st, err := c.read(ctx, userID)
		if st.until = until; err == nil {
			c.keep(userID, st)
		}
		return st, err
	})
	select {
	case r := <-answer:
		st, _ := r.Val.(standing)
		return st, r.Err
	case <-ctx.Done():
		return standing{}, fmt.Errorf("wait for user %d: %w", userID, ctx.Err())
	}
}

func (c *standings) fresh(userID int64) (standing, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	st, ok := c.kept[userID]
	return st, ok && c.now().Before(st.until)
}

// keep remembers a standing. When too many are kept, all are forgotten: each costs one read to have again.
func (c *standings) keep(userID int64, st standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= maxStandings {
		clear(c.kept)
	}
	if old, ok := c.kept[userID]; !ok || !old.until.After(st.until) {
		c.kept[userID] = st
	}
}
