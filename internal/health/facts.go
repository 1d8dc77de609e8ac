package health

import (
	"context"
	"math"
	"syscall"
	"time"

	"traitortrack/internal/obs"
	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
)

// facts are what one look has found.
type facts struct {
	away           bool // the database did not answer
	answered       time.Duration
	pool           pool.Sample
	hits, misses   float64
	entries        float64
	session        redisdb.State
	limits         redisdb.State
	memory, bound  float64 // of Redis, in bytes; not a number where it is not known
	seals          bool
	seal           sealFacts
	waiting        int64
	oldest         time.Duration
	backlogUnknown bool
	disk           diskFacts
	replica        *replicaFacts
}

type replicaFacts struct {
	known, used bool
	behind      time.Duration
}

// sealFacts are how far sealing is behind.
type sealFacts struct {
	asked   time.Time
	lag     time.Duration
	unknown bool
}

// diskFacts are about the disk of the database.
type diskFacts struct {
	asked time.Time
	bytes int64
	used  float64 // in percent
	seen  bool    // whether this server can see the disk
}

func (m *Monitor) gather(ctx context.Context) facts {
	f := facts{session: m.s.Session(), limits: m.s.Limits(), seals: m.s.SealLag != nil, memory: math.NaN(), bound: math.NaN()}
	if reading, err := m.s.Read(); err == nil {
		f.read(reading)
	}
	f.answered, f.away = m.askDatabase(ctx)
	if f.seals && (m.seal.unknown || m.s.Now().Sub(m.seal.asked) > sealsEvery) {
		m.seal = m.askSeals(ctx)
	}
	f.seal = m.seal
	ask, cancel := context.WithTimeout(ctx, askBudget)
	defer cancel()
	var err error
	f.waiting, f.oldest, err = m.s.Backlog(ask)
	f.backlogUnknown = err != nil
	if !f.away && m.s.Now().Sub(m.disk.asked) > diskEvery {
		m.disk = m.askDisk(ctx)
	}
	f.disk = m.disk
	if replica, state := m.s.DB.Replica(); replica != nil {
		f.replica = &replicaFacts{known: state.Known, used: state.InUse, behind: state.Behind}
	}
	return f
}

// read takes what the numbers know.
func (f *facts) read(r obs.Reading) {
	f.pool = pool.Sample{PoolStats: r.Pools()[pool.Primary]}
	f.hits, _ = r.Sum(obs.CacheAsked, "result", "hit")
	f.misses, _ = r.Sum(obs.CacheAsked, "result", "miss")
	f.entries, _ = r.Sum(obs.CacheEntries)
	if used, found := r.Sum(redisdb.MemoryUsed, "redis", "main"); found {
		f.memory = used
		f.bound, _ = r.Sum(redisdb.MemoryMax, "redis", "main")
	}
}

func asked[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askBudget)
	defer cancel()
	return question(ctx)
}

// askDatabase times the smallest question.
func (m *Monitor) askDatabase(ctx context.Context) (time.Duration, bool) {
	begun := time.Now()
	_, err := asked(ctx, New(m.s.DB.For(ctx)).answer)
	return time.Since(begun), err != nil
}

// askSeals finds out how far sealing is behind. That reads every row without a seal.
func (m *Monitor) askSeals(ctx context.Context) sealFacts {
	lag, err := asked(ctx, m.s.SealLag)
	return sealFacts{asked: m.s.Now(), lag: lag, unknown: err != nil}
}

// askDisk finds out how large the database is, and how full its disk, where that is this machine's.
func (m *Monitor) askDisk(ctx context.Context) diskFacts {
	d := diskFacts{asked: m.s.Now()}
	row, err := asked(ctx, New(m.s.DB.For(ctx)).disk)
	if err != nil {
		return d
	}
	d.bytes = row.Bytes
	var disk syscall.Statfs_t
	if row.Here && row.Directory != "" && syscall.Statfs(row.Directory, &disk) == nil && disk.Blocks > 0 {
		d.seen, d.used = true, 100*(1-float64(disk.Bavail)/float64(disk.Blocks))
	}
	return d
}
