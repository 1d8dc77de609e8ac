package health

import (
	"fmt"
	"math"
	"time"

	"traitortrack/internal/pool"
	"traitortrack/internal/redisdb"
)

// Thresholds say from where on a part is not well.
type Thresholds struct {
	SlowQuery    time.Duration
	HitRate      float64 // in percent: below it the cache is degraded
	HitsCount    float64 // questions to the caches before their rate means anything
	Memory       float64 // of Redis, in percent: degraded, and
	MemoryFull   float64 // unhealthy
	SealLag      time.Duration
	SealStopped  time.Duration
	Backlog      int64         // jobs that wait: more are too many,
	BacklogAge   time.Duration // once the oldest is this old
	BacklogStuck time.Duration
	Disk         float64 // in percent: degraded, and
	DiskFull     float64 // unhealthy
}

// Runbook gives the thresholds of the runbook.
func Runbook() Thresholds {
	return Thresholds{SlowQuery: 100 * time.Millisecond, HitRate: 60, HitsCount: 200, Memory: 70, MemoryFull: 85,
		SealLag: 5 * time.Minute, SealStopped: time.Hour, Backlog: 10, BacklogAge: time.Minute, BacklogStuck: 30 * time.Minute, Disk: 80, DiskFull: 90}
}

// The chapters of docs/runbook.md that the parts point to.
const (
	ChapterDatabase = "the-database"
	ChapterPool     = "connections"
	ChapterCache    = "caches"
	ChapterRedis    = "redis"
	ChapterSessions = "redis"
	ChapterLimits   = "redis"
	ChapterAudit    = "the-audit-log"
	ChapterJobs     = "jobs"
	ChapterDisk     = "emergencies"
	ChapterReplica  = "a-replica"
	ChapterLatency  = "connections"
)

func healthy(chapter, message string, values ...any) Part {
	return Part{Status: Healthy, Message: fmt.Sprintf(message, values...), Chapter: chapter}
}

func unwell(status Status, chapter, message, next string) Part {
	return Part{Status: status, Message: message, Next: next, Chapter: chapter}
}

// span writes a time for people: "42 s", "12 min", "2 h 5 min".
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// unseen are the parts before anybody has looked.
func unseen() Components {
	p := func(chapter string) Part {
		return unwell(Unhealthy, chapter, "Not looked at yet.", "Ask again in a moment.")
	}
	return Components{Database: Database{Part: p(ChapterDatabase)}, Pool: Pool{Part: p(ChapterPool)}, Cache: Cache{Part: p(ChapterCache)}, Session: p(ChapterSessions),
		RateLimiter: p(ChapterLimits), Audit: Audit{Part: p(ChapterAudit)}, Jobs: Jobs{Part: p(ChapterJobs)}, Disk: Disk{Part: p(ChapterDisk)}}
}

// judge decides how each part is.
func (f facts) judge(t Thresholds) Components {
	c := Components{Database: f.database(t), Pool: f.judgePool(), Cache: f.cache(t), Session: f.sessions(), RateLimiter: f.limiter(),
		Audit: f.audit(t), Jobs: f.jobs(t), Disk: f.judgeDisk(t)}
	if f.session != redisdb.Absent {
		c.Redis = &Redis{Part: f.redis(t), MemoryUsage: f.memoryUsage()}
	}
	if f.replica != nil {
		c.Replica = &Replica{Part: f.replica.judge(), LagSeconds: f.replica.behind.Seconds()}
	}
	return c
}

func (f facts) database(t Thresholds) Database {
	d := Database{QueryMilliseconds: math.Round(f.answered.Seconds()*1e5) / 100}
	switch {
	case f.away:
		d.Part = unwell(Unhealthy, ChapterDatabase, "PostgreSQL does not answer.", "Check that PostgreSQL runs and can be reached from here; traitortrack doctor looks closer.")
	case f.answered > t.SlowQuery:
		d.Part = unwell(Degraded, ChapterLatency, fmt.Sprintf("The smallest question takes %.0f ms.", d.QueryMilliseconds), "Look for long statements on the pool dashboard, and at the load of the database's machine.")
	default:
		d.Part = healthy(ChapterDatabase, "Answers in %.1f ms.", d.QueryMilliseconds)
	}
	return d
}

func (f facts) judgePool() Pool {
	p := Pool{Usage: math.Round(f.pool.Usage()*10) / 10}
	told := fmt.Sprintf("%d of %d connections are in use (%.0f %%).", f.pool.InUse, f.pool.Max, p.Usage)
	switch f.pool.Band() {
	case pool.Danger:
		p.Part = unwell(Unhealthy, ChapterPool, told, "Open the pool dashboard and stop what holds connections up. If nothing does, the load is real: measure before you raise POOL_SIZE.")
	case pool.Critical:
		p.Part = unwell(Degraded, ChapterPool, told, "Open the pool dashboard and look for long statements within a quarter of an hour.")
	case pool.Warning:
		p.Part = unwell(Degraded, ChapterPool, told, "Watch the pool dashboard. If it stays so, plan for more connections.")
	default:
		p.Part = healthy(ChapterPool, "%s", told)
	}
	return p
}

func (f facts) cache(t Thresholds) Cache {
	c := Cache{Hits: int64(f.hits), Misses: int64(f.misses), Entries: int64(f.entries)}
	asked := f.hits + f.misses
	if asked > 0 {
		c.HitRate = math.Round(1000*f.hits/asked) / 10
	}
	switch {
	case asked < t.HitsCount:
		c.Part = healthy(ChapterCache, "Was asked %.0f times: too few to judge.", asked)
	case c.HitRate < t.HitRate:
		c.Part = unwell(Degraded, ChapterCache, fmt.Sprintf("Has the answer for %.1f %% of the questions.", c.HitRate), "Raise CACHE_TTL_SECONDS, and see whether Redis loses keys for want of memory.")
	default:
		c.Part = healthy(ChapterCache, "Has the answer for %.1f %% of the questions.", c.HitRate)
	}
	return c
}

// memoryUsage is how full Redis is, in percent, and 0 where it has no bound.
func (f facts) memoryUsage() float64 {
	if !(f.bound > 0) {
		return 0
	}
	return math.Round(1000*f.memory/f.bound) / 10
}

func (f facts) redis(t Thresholds) Part {
	usage := f.memoryUsage()
	switch {
	case f.session == redisdb.Away:
		return unwell(Degraded, ChapterRedis, "Redis does not answer. Everything works without it, a little slower.", "Start Redis again, or check REDIS_URL. It is used again within seconds.")
	case usage > t.MemoryFull:
		return unwell(Unhealthy, ChapterRedis, fmt.Sprintf("Redis has used %.0f %% of its memory.", usage), "Raise maxmemory now: keys are about to be refused or lost.")
	case usage > t.Memory:
		return unwell(Degraded, ChapterRedis, fmt.Sprintf("Redis has used %.0f %% of its memory.", usage), "Raise maxmemory, and see what else writes to this Redis.")
	case usage > 0:
		return healthy(ChapterRedis, "Answers, and has used %.0f %% of its memory.", usage)
	default:
		return healthy(ChapterRedis, "Answers.")
	}
}

func (f facts) sessions() Part {
	switch {
	case f.away:
		return unwell(Unhealthy, ChapterSessions, "Sessions are in PostgreSQL, which does not answer.", "Bring PostgreSQL back. Nobody has to log in again.")
	case f.session == redisdb.Away:
		return unwell(Degraded, ChapterSessions, "Read from PostgreSQL, since Redis does not answer.", "Start Redis again. Nobody is logged out meanwhile.")
	case f.session == redisdb.Absent:
		return healthy(ChapterSessions, "In PostgreSQL, without copies.")
	default:
		return healthy(ChapterSessions, "In PostgreSQL, with copies in Redis.")
	}
}

func (f facts) limiter() Part {
	switch f.limits {
	case redisdb.Away:
		return unwell(Degraded, ChapterLimits, "Each instance counts for itself, since Redis does not answer.", "Start the Redis of RATELIMIT_STORAGE_URI again.")
	case redisdb.Absent:
		return healthy(ChapterLimits, "Each instance counts for itself.")
	default:
		return healthy(ChapterLimits, "All instances count together in Redis.")
	}
}

func (f facts) audit(t Thresholds) Audit {
	a := Audit{LagSeconds: math.Round(f.seal.lag.Seconds())}
	told := fmt.Sprintf("The oldest row without a seal is %s old.", span(f.seal.lag))
	const next = "See the log for a failed job “seal”, and whether a transaction has been open for long: sealing waits for it."
	switch {
	case f.away:
		a.Part = unwell(Unhealthy, ChapterAudit, "Nothing can be logged: PostgreSQL does not answer.", "Bring PostgreSQL back.")
	case !f.seals:
		a.Part = unwell(Degraded, ChapterAudit, "Nothing is sealed, for want of SECRET_KEY.", "Set SECRET_KEY and restart.")
	case f.seal.unknown:
		a.Part = unwell(Degraded, ChapterAudit, "How far sealing is behind cannot be read.", next)
	case f.seal.lag > t.SealStopped:
		a.Part = unwell(Unhealthy, ChapterAudit, told, next)
	case f.seal.lag > t.SealLag:
		a.Part = unwell(Degraded, ChapterAudit, told, next)
	default:
		a.Part = healthy(ChapterAudit, "Sealed up to %s ago.", span(f.seal.lag))
	}
	return a
}

func (f facts) jobs(t Thresholds) Jobs {
	j := Jobs{Waiting: f.waiting, OldestSeconds: math.Round(f.oldest.Seconds())}
	told := fmt.Sprintf("%d wait, the oldest for %s.", f.waiting, span(f.oldest))
	const next = "See the log for “job failed”. If nothing fails, more instances work off the queue sooner."
	switch {
	case f.backlogUnknown:
		j.Part = unwell(Unhealthy, ChapterJobs, "The queue cannot be read.", "Bring PostgreSQL back, or free its connections.")
	case f.oldest > t.BacklogStuck:
		j.Part = unwell(Unhealthy, ChapterJobs, told, next)
	case f.waiting > t.Backlog && f.oldest > t.BacklogAge:
		j.Part = unwell(Degraded, ChapterJobs, told, next)
	case f.waiting == 0:
		j.Part = healthy(ChapterJobs, "Nothing waits.")
	default:
		j.Part = healthy(ChapterJobs, "%s", told)
	}
	return j
}

func (f facts) judgeDisk(t Thresholds) Disk {
	d := Disk{Bytes: f.disk.bytes}
	size := fmt.Sprintf("The database has %.1f GB", float64(f.disk.bytes)/1e9)
	if !f.disk.seen {
		d.Part = healthy(ChapterDisk, "%s. Its disk cannot be seen from here.", size)
		return d
	}
	used := math.Round(f.disk.used*10) / 10
	d.Usage = &used
	told := fmt.Sprintf("%s, and its disk is %.0f %% full.", size, used)
	const next = "Make room: see what has grown, move old months of the audit log away (traitortrack audit archive), or enlarge the disk."
	switch {
	case used > t.DiskFull:
		d.Part = unwell(Unhealthy, ChapterDisk, told, next)
	case used > t.Disk:
		d.Part = unwell(Degraded, ChapterDisk, told, next)
	default:
		d.Part = healthy(ChapterDisk, "%s", told)
	}
	return d
}

func (r replicaFacts) judge() Part {
	const next = "Nobody notices, but the primary does all the work: see whether the replica runs and receives."
	switch {
	case !r.known:
		return unwell(Degraded, ChapterReplica, "The replica does not answer, and is not read.", next)
	case !r.used:
		return unwell(Degraded, ChapterReplica, fmt.Sprintf("The replica is %s behind, and is not read.", r.behind.Round(time.Millisecond)), next)
	default:
		return healthy(ChapterReplica, "Read, and at most %s behind.", r.behind.Round(time.Millisecond))
	}
}
