package account

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Unlock lets a locked name try again at once, whether or not somebody has it, in the caller's transaction. It reports
// whether there was anything to unlock.
func Unlock(ctx context.Context, tx pgx.Tx, actor authz.Actor, username string) (bool, error) {
	typed := cleanName(username)
	n, err := New(tx).deleteLock(ctx, typed)
	if err != nil || n == 0 {
		return false, err
	}
	row, err := find(ctx, New(tx), typed)
	if err != nil {
		return false, err
	}
	return true, audit.Record(ctx, tx, actor, audit.Entry{Action: "unlock_account", EntityType: "user", EntityID: known(row.ID), Subject: row.ID,
		Before: map[string]any{"locked": true}, After: map[string]any{"locked": false},
		Personal: audit.Personal{Details: map[string]any{"username": typed}}})
}

// SweepLocks forgets the failures that can no longer matter. A periodic job calls it.
func (s *Store) SweepLocks(ctx context.Context) error {
	if err := New(s.db.For(ctx)).deleteOldLocks(ctx, s.now().Add(-2*lockFor)); err != nil {
		return pg.Refusal(fmt.Errorf("forget old failures: %w", err))
	}
	return nil
}

// refuseLocked refuses a name that is locked. It is a first look, without a lock: whether a guess counts is decided later.
func (s *Store) refuseLocked(ctx context.Context, typed string) error {
	until, err := New(s.db.For(ctx)).getLock(ctx, typed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return pg.Refusal(fmt.Errorf("look whether a name is locked: %w", err))
	}
	if a := (attempts{until: orZero(until)}); a.locked(s.now()) {
		return errLocked(a.until, s.now())
	}
	return nil
}

func errLocked(until, now time.Time) error {
	seconds := int((until.Sub(now) + time.Second - 1) / time.Second)
	minutes := (seconds + 59) / 60
	wait := fmt.Sprintf("%d minutes", minutes)
	if minutes == 1 {
		wait = "a minute"
	}
	return errs.New(errs.Locked, "account_locked", "Too many wrong tries. Wait %s, or ask an admin to unlock it.", wait).
		With("retry_after", strconv.Itoa(seconds))
}

// hold takes the lock on a typed name, and gives its failures so far.
func hold(ctx context.Context, q *Queries, typed string, now time.Time) (attempts, error) {
	row, err := q.holdLock(ctx, holdLockParams{Typed: typed, Now: now})
	if err != nil {
		return attempts{}, fmt.Errorf("hold a name: %w", err)
	}
	return attempts{failures: int(row.Failures), last: orZero(row.LastFailedAt), until: orZero(row.LockedUntil)}, nil
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func known(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
