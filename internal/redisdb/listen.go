package redisdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// A listener asks for a sign of life when it has heard nothing for a while, and gives up when none comes.
const (
	quiet = time.Second
	mute  = 3 * time.Second
)

// Listen hears what is published on a channel, until ctx ends or Redis goes away. joined is called once it hears: what was
// published before is lost. It returns an error in any case.
func (db *DB) Listen(ctx context.Context, channel string, joined func(), heard func(message string)) error {
	if db == nil {
		return ErrAway
	}
	sub := db.client.Subscribe(ctx, channel)
	defer func() { _ = sub.Close() }()
	last := time.Now()
	for ctx.Err() == nil && time.Since(last) < mute {
		message, err := sub.ReceiveTimeout(ctx, quiet)
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			err = sub.Ping(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrAway, err)
		}
		switch m := message.(type) {
		case nil: // nothing within the time
			continue
		case *redis.Subscription:
			joined()
		case *redis.Message:
			heard(m.Payload)
		}
		last = time.Now()
	}
	return ErrAway
}
