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
	err := c.limits.ask(c.ctx, func(ctx context.Context, r redisdb.Commands) error {
		var err error
		c.counts.current, c.counts.previous, err = c.exchange(ctx, r, key, current, previous)
		return err
	})
	if err != nil {
		c.fellBack = true
		c.counts.current, c.counts.previous = c.limits.local.add(c.class, key, current, previous, c.add)
	}
	return c.counts.current, c.counts.previous, nil
}

// exchange is the round trip. A key lives for the window after its last count: that is as long as it matters.
func (c *counter) exchange(ctx context.Context, r redisdb.Commands, key string, current, previous time.Time) (int, int, error) {
	now, before := c.name(key, current), c.name(key, previous)
	if c.add == 0 {
		values, err := r.MGet(ctx, now, before).Result()
		if err != nil {
			return 0, 0, err
		}
		return number(values[0]), number(values[1]), nil
	}
	pipe := r.TxPipeline()
	sum := pipe.IncrBy(ctx, now, int64(c.add))
	pipe.PExpire(ctx, now, 2*c.limits.rates[c.class].Per)
	old := pipe.MGet(ctx, before)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, 0, err
	}
	return int(sum.Val()), number(old.Val()[0]), nil
}

// IncrementBy counts an amount where Get found the counts. What Redis then does not take is lost, which is no harm.
func (c *counter) IncrementBy(key string, window time.Time, amount int) error {
	if c.fellBack {
		c.limits.local.add(c.class, key, window, window.Add(-c.limits.rates[c.class].Per), amount)
		return nil
	}
	_ = c.limits.ask(c.ctx, func(ctx context.Context, r redisdb.Commands) error {
		pipe := r.TxPipeline()
		pipe.IncrBy(ctx, c.name(key, window), int64(amount))
		pipe.PExpire(ctx, c.name(key, window), 2*c.limits.rates[c.class].Per)
		_, err := pipe.Exec(ctx)
		return err
	})
	return nil
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

func number(value any) int {
	text, _ := value.(string)
	n, _ := strconv.Atoi(text) // a key that is not there counts nothing
	return n
}

// ask lets do talk to Redis, unless Redis kept somebody waiting a moment ago.
func (l *Limits) ask(ctx context.Context, do func(context.Context, redisdb.Commands) error) error {
	now := time.Now().UnixNano()
	if now < l.awayTill.Load() {
		return redisdb.ErrAway
	}
	err := l.redis.Do(ctx, do)
	if errors.Is(err, redisdb.ErrAway) && ctx.Err() == nil {
		l.awayTill.Store(time.Now().Add(rest).UnixNano())
	}
	return err
}
