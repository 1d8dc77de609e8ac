package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/config"
	"traitortrack/internal/mail"
	"traitortrack/internal/redisdb"
	"traitortrack/migrations"
)

// doctor is the command that says what is wrong with an installation.
type doctor struct{}

// finding is one thing that was looked at. Advice is empty where all is well.
type finding struct{ part, state, advice string }

// errUnwell makes the exit status tell that something has to be mended.
var errUnwell = errors.New("something has to be mended: see above")

// Run looks at each part, and goes on where one is bad, so that one run shows everything.
func (doctor) Run(ctx context.Context, w *world) error {
	c, err := config.Load(w.environment)
	if err != nil {
		return tell(w.out, []finding{{"configuration", err.Error(), "Correct these variables. The README lists them all."}})
	}
	findings := []finding{{"configuration", "every variable can be used", ""}, examineSecret(c)}
	findings = append(findings, examineDatabase(ctx, c)...)
	findings = append(findings, examineBeside(ctx, c)...)
	findings = append(findings, examineRedis(ctx, "Redis", c.RedisURL))
	if c.RateLimitStorageURI != c.RedisURL {
		findings = append(findings, examineRedis(ctx, "Redis of the limits", c.RateLimitStorageURI))
	}
	return tell(w.out, append(findings, examineMail(ctx, c)))
}

func tell(out io.Writer, findings []finding) error {
	var unwell error
	for _, f := range findings {
		mark := "ok  "
		if f.advice != "" {
			mark, unwell = "BAD ", errUnwell
		}
		if _, err := fmt.Fprintf(out, "%s %s: %s\n", mark, f.part, f.state); err != nil {
			return err
		}
		if f.advice == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "     → %s\n", f.advice); err != nil {
			return err
		}
	}
	return unwell
}

func examineSecret(c config.Config) finding {
	if c.SecretKey == "" && c.RequireAdmin2FA {
		return finding{"secret key", "none, and admins must use two-factor authentication", "Set SECRET_KEY to what openssl rand -base64 32 prints, and keep it: without it, every second factor has to be enrolled anew."}
	}
	return finding{"secret key", "fine", ""}
}

// examineDatabase looks at PostgreSQL: whether it answers, its version, the schema in it, and its clock.
func examineDatabase(ctx context.Context, c config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.DatabaseDirectURL)
	if err != nil {
		return []finding{{"database", "no connection: " + err.Error(), "Check DATABASE_URL: host, port, user, password and name; and that PostgreSQL runs and lets this machine in (pg_hba.conf)."}}
	}
	defer func() { _ = conn.Close(ctx) }()
	var version, connections int
	var now time.Time
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000, current_setting('max_connections')::int, clock_timestamp()`).
		Scan(&version, &connections, &now)
	if err != nil {
		return []finding{{"database", "it does not answer: " + err.Error(), "Look into PostgreSQL's log."}}
	}
	return []finding{examineVersion(version), examineRoom(c, connections), examineSchema(ctx, conn), examineClock(time.Since(now))}
}

// oldestPostgres is the oldest major version that the schema runs on.
const oldestPostgres = 15

func examineVersion(version int) finding {
	f := finding{part: "database", state: fmt.Sprintf("PostgreSQL %d answers", version)}
	if version < oldestPostgres {
		f.advice = fmt.Sprintf("PostgreSQL %d or newer is needed: upgrade the server.", oldestPostgres)
	}
	return f
}

func examineRoom(c config.Config, connections int) finding {
	f := finding{part: "connections", state: fmt.Sprintf("the pool may open %d of the server's %d, and %d stand beside it", c.MaxConns(), connections, besideConns)}
	if !c.Pooled() && int(c.MaxConns())+besideConns > connections {
		f.advice = "Lower POOL_SIZE and POOL_MAX_OVERFLOW, raise max_connections, or put PgBouncer between: each instance opens a pool of its own."
	}
	return f
}

func examineSchema(ctx context.Context, conn *pgx.Conn) finding {
	switch err := migrations.Check(ctx, conn); {
	case err == nil:
		return finding{"schema", fmt.Sprintf("version %d, which this program needs", migrations.Latest()), ""}
	case errors.Is(err, migrations.ErrOlder):
		return finding{"schema", "older than this program", "Run traitortrack migrate."}
	case errors.Is(err, migrations.ErrNewer):
		return finding{"schema", "newer than this program", "Run the newer program, or restore the backup from before its migration."}
	default:
		return finding{"schema", "cannot be read: " + err.Error(), "Check that the user of DATABASE_URL owns the schema."}
	}
}

// mostDrift between this machine's clock and the database's is no cause for doubt about the times of scans.
const mostDrift = 2 * time.Second

func examineClock(drift time.Duration) finding {
	f := finding{part: "clock", state: fmt.Sprintf("within %s of the database's", mostDrift)}
	if drift.Abs() > mostDrift {
		f.state = fmt.Sprintf("%s apart from the database's", drift.Abs().Round(100*time.Millisecond))
		f.advice = "Set both machines' clocks by NTP: scans and sessions are dated by them."
	}
	return f
}

// examineBeside looks at the pooler before the database and at the replica beside it, where they are configured.
func examineBeside(ctx context.Context, c config.Config) []finding {
	var findings []finding
	if c.Pooled() {
		f := finding{part: "pooler", state: "leads to the database"}
		if _, err := standby(ctx, c.DatabaseURL); err != nil {
			f.state = "does not lead to the database: " + err.Error()
			f.advice = "Check DATABASE_URL, that the pooler runs and knows the user, and whether its pool is full (SHOW POOLS there)."
		}
		findings = append(findings, f)
	}
	if c.DatabaseReplicaURL != "" {
		f := finding{part: "replica", state: "answers, and follows a primary"}
		switch follows, err := standby(ctx, c.DatabaseReplicaURL); {
		case err != nil:
			f.state = "no answer: " + err.Error()
			f.advice = "Check DATABASE_REPLICA_URL and that the replica runs. Until it is back the primary answers everything."
		case !follows:
			f.state = "a primary of its own"
			f.advice = "Point DATABASE_REPLICA_URL at a standby of this database, or take it away: what people read there would not be what they wrote."
		}
		findings = append(findings, f)
	}
	return findings
}

// standby asks whoever is at an address whether it follows a primary, in a way that every pooler lets through.
func standby(ctx context.Context, url string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var follows bool
	err = conn.QueryRow(ctx, "SELECT pg_is_in_recovery()", pgx.QueryExecModeSimpleProtocol).Scan(&follows)
	return follows, err
}

func examineRedis(ctx context.Context, part, url string) finding {
	if url == "" {
		return finding{part, "not configured: everything works without, with limits counted by each instance for itself", ""}
	}
	redis, err := redisdb.OpenPatient(url, time.Second)
	if err != nil {
		return finding{part, "its address cannot be used", "Check REDIS_URL and RATELIMIT_STORAGE_URI: they look like redis://:password@host:6379/0."}
	}
	defer func() { _ = redis.Close() }()
	if err := redis.Ping(ctx); err != nil {
		return finding{part, "no answer: " + err.Error(), "Check REDIS_URL and RATELIMIT_STORAGE_URI, and that Redis runs. Until it is back everything works, with limits counted by each instance for itself."}
	}
	return finding{part, "answers", ""}
}

func examineMail(ctx context.Context, c config.Config) finding {
	sender, err := mail.NewSender(c.SMTPURL, c.MailFrom)
	if err != nil {
		return finding{"mail", err.Error(), "Correct SMTP_URL and MAIL_FROM."}
	}
	if !sender.On() {
		return finding{"mail", "not configured: links to invite and to reset are shown to the admin", ""}
	}
	if err := sender.Ping(ctx); err != nil {
		return finding{"mail", "no server takes it: " + err.Error(), "Check SMTP_URL: host, port, user and password. Until then mail waits, and is tried again."}
	}
	return finding{"mail", "the server answers and lets us in", ""}
}
