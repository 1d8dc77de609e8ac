// Package redisdb is the way to Redis, which is never needed: it answers within a small time budget or is treated as
// away. After a few failures in a row it is left alone, and one call a second finds out whether it is back.
package redisdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"
)

// Commands are what can be asked of Redis.
type Commands = redis.Cmdable

// ErrAway says that Redis did not do what it was asked: it did not answer in time, could not be reached, refused, is
// being left alone, or was never configured. A command that timed out may still take effect later.
var ErrAway = errors.New("redis is away")

// ErrNothing is the answer to a read of a key that is not there. It is no failure.
var ErrNothing error = redis.Nil

const (
	budget   = 50 * time.Millisecond  // for one call, unless WithBudget says otherwise
	patience = 250 * time.Millisecond // for a connection that is made in the background, and the most that any call of a request may take
	failures = 3                      // in a row, until Redis is left alone
	rest     = time.Second            // until one call may try again
)

// DB is a pool of connections to one Redis. A nil *DB is a Redis that was never configured: it is always away.
type DB struct {
	client  *redis.Client
	coach   *coach
	breaker *gobreaker.CircuitBreaker[struct{}]
	budget  time.Duration
	most    time.Duration // that a call may take, whatever its budget
	observe func(seconds float64)
}

// Open makes the pool for an address such as redis://:secret@host:6379/0, and a nil *DB for an empty one. It does not
// connect yet: a Redis that is away at the start is found out by its first use.
func Open(url string) (*DB, error) { return open(url, budget, patience) }

// OpenPatient is Open for who has time: a command, or a test on a busy machine. Each call may take up to a time that would be
// far too long for a request.
func OpenPatient(url string, most time.Duration) (*DB, error) { return open(url, most, most) }

func open(url string, each, most time.Duration) (*DB, error) {
	if url == "" {
		return nil, nil
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("read the redis address: %w", err)
	}
	redis.SetLogger(&logging.VoidLogger{}) // what fails is told by Do
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = most, most, most, most
	return &DB{client: redis.NewClient(options), coach: &coach{}, breaker: newBreaker(), budget: each, most: most, observe: func(float64) {}}, nil
}

func newBreaker() *gobreaker.CircuitBreaker[struct{}] {
	return gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         "redis",
		Timeout:      rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failures },
		IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, redis.Nil) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // the caller went away, not Redis
	})
}

// WithBudget gives the same Redis with another time budget for each call: at most a quarter of a second, or what a patient one was
// opened with.
func (db *DB) WithBudget(d time.Duration) *DB {
	if db == nil {
		return nil
	}
	other := *db
	other.budget = min(d, db.most)
	return &other
}

// Do lets do talk to Redis for as long as the time budget lasts. It gives nil, ErrNothing, or an error that is ErrAway.
func (db *DB) Do(ctx context.Context, do func(ctx context.Context, c Commands) error) error {
	if db == nil {
		return ErrAway
	}
	_, err := db.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, db.budget)
		defer cancel()
		begun := time.Now()
		err := do(ctx, db.client)
		db.observe(time.Since(begun).Seconds())
		return struct{}{}, err
	})
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// Ping asks Redis for a sign of life, within the time budget that every call has.
func (db *DB) Ping(ctx context.Context) error {
	return db.Do(ctx, func(ctx context.Context, c Commands) error { return c.Ping(ctx).Err() })
}

// Incarnation gives a text that changes when Redis restarts, and when another server takes its place. It is empty where
// Redis keeps it to itself.
func (db *DB) Incarnation(ctx context.Context) (string, error) {
	var info string
	err := db.Do(ctx, func(ctx context.Context, c Commands) error {
		var err error
		info, err = c.Info(ctx, "server").Result()
		if refused := redis.Error(nil); errors.As(err, &refused) {
			return nil // a rule of access, and no sign of a Redis that is away
		}
		return err
	})
	_, rest, _ := strings.Cut(info, "\nrun_id:")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id, err
}

// State is how the program gets on with Redis, for the health of the system.
type State string

// The states.
const (
	Absent  State = "not configured"
	Working State = "ok"
	Away    State = "away" // left alone for a moment, after failures in a row
)

// State gives the present state without asking Redis anything.
func (db *DB) State() State {
	switch {
	case db == nil:
		return Absent
	case db.breaker.State() == gobreaker.StateClosed:
		return Working
	default:
		return Away
	}
}

// Close closes every connection.
func (db *DB) Close() error {
	if db == nil {
		return nil
	}
	return db.client.Close()
}
