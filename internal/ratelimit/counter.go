package ratelimit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-chi/httprate"

	"traitortrack/internal/redisdb"
)

// counter answers one question of httprate: in Redis, or in memory while Redis is away. None of its methods fails.
type counter struct {
	ctx      context.Context // httprate hands none on, and a counter lives for one request
	limits   *Limits
	class    Class
	add      int // what reading counts at the same time
	counts   counts
	fellBack bool
}

var _ httprate.LimitCounter = (*counter)(nil)

// Config has nothing to do: the windows come with each call.
func (c *counter) Config(int, time.Duration) {}

// Get counts what is to be counted in the present window, and gives the counts of both. It is one round trip, so that two
// callers cannot both take the last place.
func (c *counter) Get(key string, current, previous time.Time) (int, int, error) {
	c.counts.window, c.counts.taken, c.counts.elapsed = current, c.add, time.Since(current)
	counted, err := c.limits.ask(c.ctx, func(q redisdb.Queue) []answer {
		return []answer{c.count(q, c.name(key, current), c.add), c.count(q, c.name(key, previous), 0)}
	})
	if err != nil {
		c.fellBack = true
		c.counts.current, c.counts.previous = c.limits.local.add(c.class, key, current, previous, c.add)
	} else {
		c.counts.current, c.counts.previous = counted[0], counted[1]
	}
	return c.counts.current, c.counts.previous, nil
}

// IncrementBy counts an amount where Get found the counts. What Redis then does not take is lost, which is no harm.
func (c *counter) IncrementBy(key string, window time.Time, amount int) error {
	if c.fellBack {
		c.limits.local.add(c.class, key, window, window.Add(-c.limits.rates[c.class].Per), amount)
		return nil
	}
	_, _ = c.limits.ask(c.ctx, func(q redisdb.Queue) []answer { return []answer{c.count(q, c.name(key, window), amount)} })
	return nil
}

// answer is how a count stands, or why Redis does not tell.
type answer func() (int64, error)

// count queues an amount that is counted, or a look where it is 0. A key lives for two windows from its first count, which is as long as
// it matters. It gets its end before its count, so that no key can stay for ever.
func (c *counter) count(q redisdb.Queue, name string, amount int) answer {
	if amount == 0 {
		return q.Get(c.ctx, name).Int64
	}
	q.SetNX(c.ctx, name, 0, 2*c.limits.rates[c.class].Per)
	return q.IncrBy(c.ctx, name, int64(amount)).Result
}

// Increment counts one.
func (c *counter) Increment(key string, window time.Time) error { return c.IncrementBy(key, window, 1) }

// name is where a window's count stands in Redis. What people type can be of any length, and is nobody's business there.
func (c *counter) name(key string, window time.Time) string {
	if c.class == LoginName || c.class == Reset || c.class == TOTP {
		key = fmt.Sprintf("%x", sha256.Sum256([]byte(key)))[:32]
	}
	return "LIMITER/" + string(c.class) + "/" + key + "/" + strconv.FormatInt(window.Unix(), 10)
}

// ask queues what Redis is to count, unless it kept somebody waiting a moment ago. A key that is not there counts nothing.
func (l *Limits) ask(ctx context.Context, queue func(redisdb.Queue) []answer) ([]int, error) {
	if time.Now().UnixNano() < l.awayTill.Load() {
		return nil, redisdb.ErrAway
	}
	var answers []answer
	err := l.redis.Together(ctx, func(q redisdb.Queue) { answers = queue(q) })
	counts := make([]int, len(answers))
	for i := 0; err == nil && i < len(answers); i++ {
		n, refused := answers[i]()
		if counts[i] = int(n); refused != nil && !errors.Is(refused, redisdb.ErrNothing) {
			err = fmt.Errorf("%w: %w", redisdb.ErrAway, refused)
		}
	}
	if err != nil && ctx.Err() == nil {
		l.awayTill.Store(time.Now().Add(rest).UnixNano())
	}
	return counts, err
}
