package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

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
}

func (s *Store) readStanding(ctx context.Context, userID int64) (standing, error) {
	row, err := New(s.db.For(ctx)).getStanding(ctx, userID)
	if errors.Is(err, pgx.ErrNoRows) {
		return standing{}, nil
	}
	if err != nil {
		return standing{}, pg.Refusal(fmt.Errorf("read user %d: %w", userID, err))
	}
	actor := authz.Actor{UserID: userID, OrgID: row.OrgID, Username: row.Username, Role: authz.Role(row.Role), Area: row.Area}
	actor.Owes = duty(row.MustChangePassword, row.Enrolled, s.NeedsTOTP(actor.Role))
	return standing{actor: actor, active: row.Active, epoch: row.SessionEpoch}, nil
}

// userChannel is where the database tells that a user's standing has changed: the user's id, as text.
const userChannel = "traitortrack_user"

// Hear has the store hear of changes to users. It then need not look each second who somebody is. It is called before the first use.
func (s *Store) Hear(postgres *pg.Listener) {
	s.standing.told = postgres.HeardUntil
	postgres.On(userChannel, s.standing.hear)
}

// standings keeps users' standings, since every request asks.
type standings struct{ *recent[int64, standing] }

func newStandings(read func(context.Context, int64) (standing, error), now func() time.Time) *standings {
	return &standings{newRecent(read, now)}
}

// get gives a user's standing. One that is older than the session's epoch is out of date, whatever its age: who has
// logged in anew does not wait for an answer from before.
func (c *standings) get(ctx context.Context, userID, epoch int64) (standing, error) {
	return c.recent.get(ctx, userID, fmt.Sprint(userID, "/", epoch), func(st standing) bool { return st.epoch >= epoch })
}

// hear forgets the user whom a change is about, or all of them where changes may have been missed.
func (c *standings) hear(message string) {
	if userID, err := strconv.ParseInt(message, 10, 64); err == nil {
		c.forget(userID)
		return
	}
	c.forget()
}
