package main

import (
	"maps"
	"strings"
	"testing"

	"traitortrack/internal/config"
	"traitortrack/internal/redisdb"
)

// TestStartSaysWhatItStandsOn holds the lines of a start, one for each part, in every combination of servers.
func TestStartSaysWhatItStandsOn(t *testing.T) {
	t.Parallel()
	const (
		plainSessions, copiedSessions   = "sessions are kept in PostgreSQL (no Redis is configured)", "sessions are kept in PostgreSQL, with copies in Redis"
		localLimits, sharedLimits       = "limits are counted in memory, by each instance for itself (no Redis is configured)", "limits are counted in Redis, and in memory while it is away"
		plainStanding, doubleStanding   = "changes of billing standing are heard through PostgreSQL (no Redis is configured)", "changes of billing standing are heard through Redis and PostgreSQL"
		noMail, someMail                = "mail is sent by nothing (no SMTP_URL): links are shown to the admin who makes them", "mail is sent by a mail server"
		directly, pooled                = "the database is reached directly", "the database is reached through a pooler in transaction pooling"
		replicated                      = ", and a replica where it keeps up"
		redis, limitsRedis, databaseURL = "redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1", "postgres://nobody@127.0.0.1:1/none"
	)
	pooler := config.Environment{"DATABASE_POOLER": "transaction", "DATABASE_DIRECT_URL": databaseURL}
	replica := config.Environment{"DATABASE_REPLICA_URL": databaseURL}
	for name, c := range map[string]struct {
		given []config.Environment
		says  []string
	}{
		"nothing but PostgreSQL":    {nil, []string{directly, plainSessions, localLimits, plainStanding, noMail}},
		"Redis":                     {[]config.Environment{{"REDIS_URL": redis}}, []string{directly, copiedSessions, sharedLimits, doubleStanding, noMail}},
		"a Redis for limits":        {[]config.Environment{{"RATELIMIT_STORAGE_URI": limitsRedis}}, []string{directly, plainSessions, sharedLimits, plainStanding, noMail}},
		"a Redis for each":          {[]config.Environment{{"REDIS_URL": redis, "RATELIMIT_STORAGE_URI": limitsRedis}}, []string{directly, copiedSessions, sharedLimits, doubleStanding, noMail}},
		"a pooler":                  {[]config.Environment{pooler}, []string{pooled, plainSessions, localLimits, plainStanding, noMail}},
		"a replica":                 {[]config.Environment{replica}, []string{directly + replicated, plainSessions, localLimits, plainStanding, noMail}},
		"a pooler and a replica":    {[]config.Environment{pooler, replica}, []string{pooled + replicated, plainSessions, localLimits, plainStanding, noMail}},
		"a pooler, a replica, mail": {[]config.Environment{pooler, replica, {"REDIS_URL": redis, "SMTP_URL": "smtp://127.0.0.1:1", "MAIL_FROM": "bags@example.org", "BASE_URL": "http://bags.example.org"}}, []string{pooled + replicated, copiedSessions, sharedLimits, doubleStanding, someMail}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := config.Environment{"DATABASE_URL": databaseURL, "LOG_FORMAT": "text"}
			for _, given := range c.given {
				maps.Copy(e, given)
			}
			said := startLines(t, e)
			if lines := strings.Count(said, "\n"); lines != len(c.says) {
				t.Errorf("%d lines for %d parts:\n%s", lines, len(c.says), said)
			}
			for _, line := range c.says {
				if !strings.Contains(said, `msg="`+line+"\"\n") {
					t.Errorf("no line %q among\n%s", line, said)
				}
			}
		})
	}
}

// startLines gives what a start in the environment logs of its parts. Nothing is connected to.
func startLines(t *testing.T, e config.Environment) string {
	t.Helper()
	c, err := config.Load(e)
	if err != nil {
		t.Fatal(err)
	}
	out := &output{}
	p := &program{config: c}
	if p.log, err = openLog(c, &world{out: out}); err != nil {
		t.Fatal(err)
	}
	if p.redis, err = redisdb.Open(c.RedisURL); err != nil {
		t.Fatal(err)
	}
	if p.counts, err = openCounts(c, p.redis); err != nil {
		t.Fatal(err)
	}
	p.sayBackends()
	if p.counts != p.redis {
		_ = p.counts.Close()
	}
	_ = p.redis.Close()
	return out.String()
}
