package server_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"traitortrack/internal/pgtest"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// A login whose password was right tells nothing once the failures beside it are too many, whether it would let in or ask
// for a code: otherwise a storm of guesses that begins under the limit would find out which was right.
func TestAStormTellsNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.redis, _ = pgtest.OwnRedis(t)
	enrolled(t, w) // the biller
	for i, tc := range []struct{ name, form string }{{"dispatcher", "json"}, {"dispatcher", "page"}, {"biller", "json"}, {"biller", "page"}} {
		address := fmt.Sprintf("203.0.113.%d", i)
		var limits *ratelimit.Limits
		var storm sync.Once
		o := usual()
		o.Observe = func(class ratelimit.Class, outcome ratelimit.Outcome) {
			if class != ratelimit.LoginName || outcome != ratelimit.Allowed {
				return
			}
			storm.Do(func() { // between the first look at the limit and the last, eleven others fail
				for range 11 {
					limits.Strike(t.Context(), ratelimit.LoginAddress, address)
				}
			})
		}
		c := w.stranger(t)
		c.url = w.serve(t, func(d *server.Deps, redis *redisdb.DB) {
			limited(o)(d, redis)
			limits = d.Limits
		})
		a := c.from(address, tc.form, tc.name+w.name(), password)
		if a.status != http.StatusTooManyRequests || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s by %s: %v", tc.name, tc.form, a)
		}
	}
}
