package jobs_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/jobs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/report"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func runner(t *testing.T, db *pg.DB, log *lines) (*jobs.Runner, audit.Keys) {
	t.Helper()
	keys, err := audit.NewKeys("a secret")
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(log, nil))
	r, err := jobs.NewRunner(jobs.Deps{DB: db, Sealer: audit.NewSealer(db, keys, logger, time.Now),
		Reports: report.NewStore(db, org.NewStore(db, time.Second, time.Now), time.Second, time.Now), Log: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return r, keys
}

// eventually waits for a condition of the database.
func eventually(t *testing.T, db *pg.DB, sql string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if err := db.Pool().QueryRow(t.Context(), sql).Scan(&ok); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if ok {
			return
		}
	}
	t.Fatalf("never came: %s", sql)
}

func TestPeriodicJobsRunAtTheStartAndStop(t *testing.T) {
	db, log := pgtest.New(t), &lines{}
	who := pgtest.User(t, db, pgtest.Org(t, db), authz.Admin, "")
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO scan_receipt (org_id, scan_id, at) VALUES ($1, gen_random_uuid(), now() - interval '46 days'), ($1, gen_random_uuid(), now() - interval '44 days')`, who.OrgID); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO notification (org_id, user_id, kind, message, created_at) VALUES ($1, $2, 'pool_alert', 'Old', now() - interval '91 days'), ($1, $2, 'pool_alert', 'New', now() - interval '89 days')`, who.OrgID, who.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO api_token (org_id, user_id, name, prefix, token_hash, scopes, created_at, expires_at)
			SELECT $1, $2, 'expired for ' || days, 'tt_', sha256(days::text::bytea), '{read}', now() - interval '1 year', now() - make_interval(days => days) FROM unnest('{31,29}'::int[]) days`, who.OrgID, who.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO login_lock (name_hash, touched_at) VALUES ('old', now() - interval '2 hours'), ('new', now())`); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `DROP TABLE sealed.audit_log_`+time.Now().UTC().AddDate(0, 2, 1-time.Now().UTC().Day()).Format("2006_01")); err != nil {
			return err
		}
		return audit.Record(t.Context(), tx, who, audit.Entry{Action: "test", EntityType: "bag", EntityID: "SB00001"})
	})
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
	r, keys := runner(t, db, log)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	eventually(t, db, `SELECT EXISTS (SELECT FROM sealed.seal)`)
	eventually(t, db, `SELECT count(*) = 1 FROM scan_receipt`)
	eventually(t, db, `SELECT array_agg(message) = '{New}' FROM notification`)
	eventually(t, db, `SELECT array_agg(name) = '{expired for 29}' FROM api_token`)
	eventually(t, db, `SELECT array_agg(name_hash) = '{new}' FROM login_lock`)
	eventually(t, db, `SELECT count(*) = 5 FROM pg_inherits WHERE inhparent = 'sealed.audit_log'::regclass`)
	eventually(t, db, `SELECT count(*) = 0 FROM river.river_job WHERE state IN ('available', 'running', 'retryable')`)
	if b, err := r.Backlog(t.Context()); err != nil || b.Waiting != 0 {
		t.Errorf("backlog: %+v, %v", b, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
	db.Pool().Reset()
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck")); err != nil {
		t.Error(err)
	}
	if report, err := audit.Verify(t.Context(), db, keys, ""); err != nil || !report.Clean() || report.Rows != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if strings.Contains(log.String(), "ERROR") {
		t.Errorf("the log has errors:\n%s", log)
	}
}

func TestAFailedJobIsLogged(t *testing.T) {
	db, log := pgtest.New(t), &lines{}
	if _, err := db.Pool().Exec(t.Context(), `ALTER TABLE scan_receipt RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	r, _ := runner(t, db, log)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	eventually(t, db, `SELECT EXISTS (SELECT FROM river.river_job WHERE kind = 'receipts' AND state = 'discarded')`)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
	if !strings.Contains(log.String(), "job failed") || !strings.Contains(log.String(), "job=receipts") {
		t.Errorf("the log does not tell of the failed job:\n%s", log)
	}
}

func TestTotalsAreFoldedAndADriftIsTold(t *testing.T) {
	db, log := pgtest.New(t), &lines{}
	orgID := pgtest.Org(t, db)
	_, err := db.Pool().Exec(t.Context(), `INSERT INTO tally (org_id, quarter, user_id, slot, links)
		VALUES ($1, '2026-01-01 00:00Z', 1, 1, 2), ($1, '2026-01-01 00:15Z', 2, 1, 1)`, orgID)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := runner(t, db, log)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	eventually(t, db, `SELECT count(*) = 1 AND sum(links) = 3 FROM tally`)
	eventually(t, db, `SELECT EXISTS (SELECT FROM river.river_job WHERE kind = 'prove' AND state = 'completed')`)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
	if !strings.Contains(log.String(), "a total has drifted") || !strings.Contains(log.String(), "total=links ledger=3 counted=0") {
		t.Errorf("the log does not tell of the drift:\n%s", log)
	}
}
