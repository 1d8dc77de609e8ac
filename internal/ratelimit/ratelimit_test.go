package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/pgtest"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/redisdb"
)

func open(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	db, err := redisdb.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// patient is a Redis with time enough for a machine that is busy with other tests: what is counted in memory meanwhile would be
// missing from the count.
func patient(t *testing.T, url string) *redisdb.DB {
	t.Helper()
	db, err := redisdb.OpenPatient(url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// key is one that no other test uses.
func key(t *testing.T) string { return fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano()) }

func options(count int, per time.Duration) ratelimit.Options {
	rate := ratelimit.Rate{Count: count, Per: per}
	return ratelimit.Options{Login: rate, API: rate, Default: rate}
}

func TestInstancesCountTogether(t *testing.T) {
	t.Parallel()
	url := pgtest.Redis(t)
	k := key(t)
	var instances []*ratelimit.Limits
	for range 2 {
		instances = append(instances, ratelimit.New(patient(t, url), options(40, time.Hour)))
	}
	var allowed atomic.Int64
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			if s := instances[n%2].Take(t.Context(), ratelimit.API, k); !s.Limited {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n > 40 || n < 35 { // one that is refused holds its place for a moment
		t.Errorf("%d of 100 were allowed, and 40 are the limit", n)
	}
}

func TestRefusedOnesDoNotCount(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(patient(t, pgtest.Redis(t)), options(3, time.Hour))
	k := key(t)
	for n := range 3 {
		if s := l.Take(t.Context(), ratelimit.API, k); s.Limited || s.Limit != 3 || s.Remaining != 2-n {
			t.Errorf("number %d: %+v", n+1, s)
		}
	}
	var first ratelimit.Standing
	for n := range 20 {
		s := l.Take(t.Context(), ratelimit.API, k)
		if !s.Limited || s.Remaining != 0 || s.Retry <= 0 {
			t.Fatalf("one too many: %+v", s)
		}
		if n == 0 {
			first = s
		}
		if s.Retry > first.Retry {
			t.Fatalf("asking again made the wait longer: %v, then %v", first.Retry, s.Retry)
		}
	}
}

func TestKeysExpireWithinThreeWindows(t *testing.T) {
	t.Parallel()
	url := pgtest.Redis(t)
	db := patient(t, url)
	l := ratelimit.New(db, options(2, time.Minute))
	k := key(t)
	for range 4 {
		l.Take(t.Context(), ratelimit.Default, k)
		l.Strike(t.Context(), ratelimit.LoginName, k)
		l.Check(t.Context(), ratelimit.API, k)
	}
	seen := 0
	err := db.Do(t.Context(), func(ctx context.Context, c redisdb.Commands) error {
		names, err := c.Keys(ctx, "LIMITER/*").Result()
		if err != nil {
			return err
		}
		for _, name := range names {
			life, err := c.PTTL(ctx, name).Result()
			if err != nil {
				return err
			}
			if life <= 0 || life > 3*time.Minute {
				t.Errorf("%s lives for %v", name, life)
			}
			if strings.HasPrefix(name, "LIMITER/login-name/") && strings.Contains(name, k) {
				t.Errorf("%s shows what was typed", name)
			}
			seen++
		}
		return nil
	})
	if err != nil || seen < 2 {
		t.Fatalf("%d keys: %v", seen, err)
	}
}

func TestExempt(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(nil, ratelimit.Options{Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}})
	for address, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "2001:db8::1": true, "192.0.2.1": false, "": false} {
		if got := l.Exempt(address); got != want {
			t.Errorf("%q is exempt: %v", address, got)
		}
	}
}

// A Redis that hangs is worse than one that refuses: it must be waited for once, and then not at all.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	url, process := pgtest.OwnRedis(t)
	var fallbacks atomic.Int64
	o := options(10, time.Hour)
	o.Observe = func(_ ratelimit.Class, outcome ratelimit.Outcome) {
		if outcome == ratelimit.Fallback {
			fallbacks.Add(1)
		}
	}
	db := open(t, url)
	l := ratelimit.New(db, o)
	untilAsked(t, l, &fallbacks)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	before := fallbacks.Load()
	began := time.Now()
	allowed := 0
	var each []time.Duration
	for range 30 {
		begun := time.Now()
		if !l.Take(t.Context(), ratelimit.API, "7").Limited {
			allowed++
		}
		each = append(each, time.Since(begun))
	}
	took := time.Since(began)
	if allowed != 10 {
		t.Errorf("%d of 30 were allowed while Redis hung, and 10 are the limit", allowed)
	}
	slices.Sort(each)
	if each[15] > 20*time.Millisecond { // whoever waits for Redis waits for 25 ms, and who does not for some millionths of a second
		t.Errorf("half of 30 requests took %v and more while Redis hung", each[15])
	}
	if took < 2*time.Second && db.State() != redisdb.Working { // three failures would have opened the breaker, and there is one a second
		t.Errorf("Redis was waited for more than once within %v", took)
	}
	if n := fallbacks.Load() - before; n != 30 {
		t.Errorf("%d of 30 were noted as counted in memory", n)
	}
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	untilAsked(t, l, &fallbacks)
}

// untilAsked looks until the count comes from Redis, which a busy machine may not do the first time.
func untilAsked(t *testing.T, l *ratelimit.Limits, fallbacks *atomic.Int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		before := fallbacks.Load()
		if l.Check(t.Context(), ratelimit.API, "8"); fallbacks.Load() == before {
			return
		}
		if time.Now().After(end) {
			t.Fatal("Redis answers, and is not asked")
		}
	}
}

func BenchmarkHotLimit(b *testing.B) {
	for name, url := range map[string]string{"redis": pgtest.Redis(b), "memory": ""} {
		b.Run(name, func(b *testing.B) {
			db, err := redisdb.Open(url)
			if err != nil {
				b.Fatal(err)
			}
			l := ratelimit.New(db, options(1<<30, time.Minute))
			for b.Loop() {
				l.Take(b.Context(), ratelimit.API, "1")
			}
			_ = db.Close()
		})
	}
}
