package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// store is where scs keeps sessions. Neither PostgreSQL nor Redis ever sees a token, only its hash.
type store struct {
	db    *pg.DB
	redis *redisdb.DB
	now   func() time.Time

	generation  atomic.Int64 // the highest that is known to be in force, 0 for none yet
	incarnation string       // of Redis, as last seen; only follow uses it
	count       obs.CacheCount
}

func hashOf(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

// FindCtx gives what a session holds, from its copy in Redis or from the database. Redis that is late or away is not asked to keep another copy,
// which would be one more thing to wait for.
func (s *store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	if !wellFormed(token) {
		return nil, false, nil
	}
	// The generation is read before the row: a copy that is made of the row can then not be one of a later generation.
	hash, generation := hashOf(token), s.generation.Load()
	c, err := s.findCopy(ctx, generation, hash)
	t := c.times()
	found := err == nil && (c.Ended || !t.due(s.now()) && !t.over(s.now()))
	s.count.Asked(found)
	if found {
		return c.Data, !c.Ended, nil
	}
	if err != nil && !errors.Is(err, errNoCopy) {
		generation = 0
	}
	return s.findRow(ctx, generation, hash)
}

// findRow reads a session's row, and counts the request as a use of it unless the request is a passive one.
func (s *store) findRow(ctx context.Context, generation int64, hash []byte) ([]byte, bool, error) {
	now, due := s.now(), time.Time{}
	if ctx.Value(passiveKey) == nil {
		due = now.Add(-useEvery)
	}
	row, err := New(s.db.For(ctx)).useSession(ctx, useSessionParams{TokenHash: hash, Now: now, DueSince: due, IdleSince: now.Add(-idleLimit)})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, pg.Refusal(fmt.Errorf("read session %x: %w", hash[:4], err))
	}
	t := times{used: row.LastUsedAt, until: row.ExpiresAt}
	if t.over(now) {
		return nil, false, nil
	}
	if !row.LastUsedAt.After(due) {
		t.used = now
	}
	s.keepCopy(ctx, generation, hash, t, row.Data)
	return row.Data, true, nil
}

// CommitCtx writes a new session. A session is written once: whatever changes in it comes with a new token.
func (s *store) CommitCtx(ctx context.Context, token string, data []byte, until time.Time) error {
	_, values, err := codec{}.Decode(data)
	if err != nil {
		return err
	}
	userID, _ := values[keyUser].(int64)
	waiting, pending := values[keyPending].(int64)
	if pending {
		userID = waiting
	}
	epoch, _ := values[keyEpoch].(int64)
	device, _ := values[keyDevice].(string)
	address, _ := values[keyAddress].(string)
	hash, generation, now := hashOf(token), s.generation.Load(), s.now()
	err = New(s.db.For(ctx)).insertSession(ctx, insertSessionParams{TokenHash: hash, UserID: userID, SessionEpoch: epoch,
		Data: data, Device: device, Address: address, Now: now, ExpiresAt: until, Pending: pending})
	if err != nil {
		return pg.Refusal(fmt.Errorf("write session %x: %w", hash[:4], err))
	}
	s.keepCopy(ctx, generation, hash, times{used: now, until: until}, data)
	return nil
}

// endTimeout bounds the end of a session, which goes on when the client does not wait for it.
const endTimeout = 5 * time.Second

// errNotBuried says that Redis may go on giving copies of a session that is to end.
var errNotBuried = errors.New("redis was not told that the session has ended")

// DeleteCtx ends a session. Either Redis is told before anybody can see that the row is gone, or the generation rises
// together with it.
func (s *store) DeleteCtx(ctx context.Context, token string) error {
	if !wellFormed(token) {
		return nil
	}
	return s.end(ctx, hashOf(token))
}

func (s *store) end(ctx context.Context, hash []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := s.deleteAndBury(ctx, hash)
	if errors.Is(err, errNotBuried) {
		err = s.deleteAndRaise(ctx, hash)
	}
	if err != nil {
		return fmt.Errorf("end session %x: %w", hash[:4], err)
	}
	return nil
}

// errGone says that a session that only one request may end has ended already.
var errGone = errors.New("the session has ended already")

// drop deletes a session's row. Where several requests would end the session at once, the row tells which is first.
func drop(ctx context.Context, tx pgx.Tx, hash []byte) error {
	n, err := New(tx).deleteSession(ctx, hash)
	if err == nil && n == 0 && ctx.Value(soleKey) != nil {
		return errGone
	}
	return err
}

// deleteAndBury holds the generation until the end of its transaction. Otherwise a copy could be made under a
// generation that rose meanwhile, under which nothing is buried.
func (s *store) deleteAndBury(ctx context.Context, hash []byte) error {
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		if err := drop(ctx, tx, hash); err != nil || s.redis == nil {
			return err
		}
		generation, err := New(tx).holdGeneration(ctx)
		if err != nil {
			return err
		}
		return s.bury(ctx, generation, hash)
	})
}

func (s *store) deleteAndRaise(ctx context.Context, hash []byte) error {
	var generation int64
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		err := drop(ctx, tx, hash)
		if err == nil {
			generation, err = New(tx).raiseGeneration(ctx)
		}
		return err
	})
	if err == nil {
		s.learn(generation)
	}
	return err
}

// Find is FindCtx for scs, which asks for it and does not call it.
func (s *store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for scs, which asks for it and does not call it.
func (s *store) Commit(token string, data []byte, until time.Time) error {
	return s.CommitCtx(context.Background(), token, data, until)
}

// Delete is DeleteCtx for scs, which asks for it and does not call it.
func (s *store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
