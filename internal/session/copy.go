package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"traitortrack/internal/redisdb"
)

// replica is the copy of a session in Redis, or the mark that it has ended. Times are in milliseconds since 1970.
type replica struct {
	Ended bool            `json:"ended,omitempty"`
	Used  int64           `json:"used,omitempty"`
	Until int64           `json:"until,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

func (r replica) times() times {
	return times{used: time.UnixMilli(r.Used), until: time.UnixMilli(r.Until)}
}

func copyKey(generation int64, hash []byte) string {
	return fmt.Sprintf("traitortrack:session:%d:%x", generation, hash)
}

// errNoCopy says that Redis has no copy of a session.
var errNoCopy = errors.New("there is no copy of the session")

// findCopy looks for a copy under a generation. Redis that has none gives errNoCopy, and any other error means that it did not answer.
func (s *store) findCopy(ctx context.Context, generation int64, hash []byte) (replica, error) {
	if generation == 0 {
		return replica{}, errNoCopy
	}
	var raw interface{ Bytes() ([]byte, error) }
	if err := s.redis.Together(ctx, func(q redisdb.Queue) { raw = q.Get(ctx, copyKey(generation, hash)) }); err != nil {
		return replica{}, err
	}
	var r replica
	text, err := raw.Bytes()
	if err != nil || json.Unmarshal(text, &r) != nil {
		return replica{}, errNoCopy
	}
	return r, nil
}

// keepCopy puts a copy into Redis, unless something stands there: another copy, which is as good, or the mark that the
// session has ended, which stays. A copy that Redis did not take costs a read and nothing else.
func (s *store) keepCopy(ctx context.Context, generation int64, hash []byte, t times, data []byte) {
	life := t.copyFor(s.now())
	raw, err := json.Marshal(replica{Used: t.used.UnixMilli(), Until: t.until.UnixMilli(), Data: data})
	if generation == 0 || life < time.Millisecond || err != nil {
		return
	}
	_ = s.redis.Do(ctx, func(ctx context.Context, c redisdb.Commands) error {
		return c.SetNX(ctx, copyKey(generation, hash), raw, life).Err()
	})
}

// buryBudget is more than what a read may take, since a burial that fails makes every copy worthless.
const buryBudget = 100 * time.Millisecond

// bury marks a session in Redis as ended, or gives errNotBuried.
func (s *store) bury(ctx context.Context, generation int64, hash []byte) error {
	raw, err := json.Marshal(replica{Ended: true})
	if err != nil {
		return fmt.Errorf("mark the end of a session: %w", err)
	}
	err = s.redis.WithBudget(buryBudget).Do(ctx, func(ctx context.Context, c redisdb.Commands) error {
		return c.Set(ctx, copyKey(generation, hash), raw, burial).Err()
	})
	if err != nil {
		return errNotBuried
	}
	return nil
}
