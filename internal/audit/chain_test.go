package audit_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// evidence is a database with an audit log and scans, and a sealer of its own.
type evidence struct {
	db     *pg.DB
	keys   audit.Keys
	who    authz.Actor
	log    *strings.Builder
	sealer *audit.Sealer

	archives string // folder of the archives, empty where they are not at hand
}

func newKeys(t testing.TB, secret string, earlier ...string) audit.Keys {
	t.Helper()
	keys, err := audit.NewKeys(secret, earlier...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func gather(t testing.TB) *evidence {
	t.Helper()
	e := &evidence{db: pgtest.New(t), keys: newKeys(t, "a secret"), log: &strings.Builder{}}
	e.who = pgtest.User(t, e.db, pgtest.Org(t, e.db), authz.Admin, "")
	e.sealer = audit.NewSealer(e.db, e.keys, slog.New(slog.NewTextHandler(e.log, nil)), time.Now)
	return e
}

// record writes one row of the log in a transaction of its own.
func (e *evidence) record(t testing.TB, id string) {
	t.Helper()
	if err := e.db.Tx(t.Context(), func(tx pgx.Tx) error { return recordIn(t.Context(), tx, e.who, id) }); err != nil {
		t.Error(err)
	}
}

func recordIn(ctx context.Context, tx pgx.Tx, who authz.Actor, id string) error {
	return audit.Record(ctx, tx, who, audit.Entry{Action: "delete_bag", EntityType: "bag", EntityID: id,
		Details: map[string]any{"note": "a <b> & c"}, Before: map[string]any{"status": "pending", "n": 1.50}})
}

const insertScan = `INSERT INTO scan (org_id, at, id, event, outcome, code, user_id) VALUES ($1, now(), gen_random_uuid(), 'scan', 'opened', $2, $3)`

// scan writes one scan.
func (e *evidence) scan(t testing.TB, code string) {
	t.Helper()
	e.exec(t, insertScan, e.who.OrgID, code, e.who.UserID)
}

func (e *evidence) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := e.db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

// tamper changes the database as a superuser who switches the triggers off.
func (e *evidence) tamper(t testing.TB, sql string, args ...any) {
	t.Helper()
	err := e.db.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		tag, err := tx.Exec(t.Context(), sql, args...)
		if err == nil && tag.RowsAffected() == 0 {
			t.Errorf("%s: nothing was tampered with", sql)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// settle waits until no transaction of before still runs: those of other tests' databases count, for one server numbers all.
func (e *evidence) settle(t testing.TB) {
	t.Helper()
	var now uint64
	if err := e.db.Pool().QueryRow(t.Context(), `SELECT pg_current_xact_id()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	for settled := false; !settled; time.Sleep(2 * time.Millisecond) {
		err := e.db.Pool().QueryRow(t.Context(), `SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1`, now).Scan(&settled)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (e *evidence) seal(t testing.TB) audit.Sealed {
	t.Helper()
	e.settle(t)
	sealed, err := e.sealer.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func (e *evidence) verify(t testing.TB, logged ...audit.Head) *audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), e.db, e.keys, e.archives, logged...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// three makes three seals of five rows and five scans each.
func (e *evidence) three(t testing.TB) {
	t.Helper()
	for i := range 3 {
		for j := range 5 {
			e.record(t, string(rune('A'+5*i+j)))
			e.scan(t, string(rune('A'+5*i+j))+"000")
		}
		if s := e.seal(t); s.Seals != 1 || s.Rows != 5 || s.Scans != 5 {
			t.Fatalf("seal %d: %+v", i+1, s)
		}
	}
}

func (e *evidence) clean(t testing.TB) {
	t.Helper()
	if r := e.verify(t); !r.Clean() {
		t.Errorf("findings where nothing was done: %q", r.Findings)
	}
}

func TestUntouchedEvidenceIsClean(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.clean(t)
	e.three(t)
	e.record(t, "Z")
	r := e.verify(t)
	if !r.Clean() || r.Seals != 3 || r.Segments != 1 || r.Rows != 15 || r.Scans != 15 || r.UnsealedRows != 1 || r.UnsealedScans != 0 {
		t.Errorf("report: %+v", r)
	}
	if !strings.Contains(e.log.String(), r.Head.String()) {
		t.Error("the log does not name the head")
	}
	if s := e.seal(t); s.Seals != 1 {
		t.Errorf("the row behind the seals was not sealed: %+v", s)
	}
	if s := e.seal(t); s.Seals != 0 {
		t.Errorf("a seal of nothing: %+v", s)
	}
}

func TestTamperingIsNamed(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id, xid)
		SELECT org_id, at, action, entity_type, 'forged', xid FROM sealed.audit_log WHERE entity_id = 'G'`
	for _, c := range []struct{ name, sql, finding string }{
		{"a changed byte", `UPDATE sealed.audit_log SET before_state = '{"status": "pendinG"}' WHERE entity_id = 'G'`, "was changed after seal 2"},
		{"a changed transaction", `UPDATE sealed.audit_log SET xid = '1' WHERE entity_id = 'G'`, "was removed after seal 2"},
		{"a state that is null now", `UPDATE sealed.audit_log SET before_state = NULL WHERE entity_id = 'G'`, "was changed after seal 2"},
		{"a removed row", `DELETE FROM sealed.audit_log WHERE entity_id = 'G'`, "was removed after seal 2"},
		{"a row slipped in", insert, "was slipped in after seal 2"},
		{"a changed scan", `UPDATE scan SET code = 'X000' WHERE code = 'G000'`, "scans were changed that seal 2"},
		{"a removed scan", `DELETE FROM scan WHERE code = 'G000'`, "1 scans were removed that seal 2"},
		{"a scan slipped in", `INSERT INTO scan SELECT org_id, at, gen_random_uuid(), event, outcome, code, parent_code, other, user_id, device, device_at, xid FROM scan WHERE code = 'G000'`, "1 scans were slipped in among those that seal 2"},
		{"a removed seal", `DELETE FROM sealed.seal WHERE seq = 2`, "seal 2 is missing"},
		{"the first seal removed", `DELETE FROM sealed.seal WHERE seq = 1`, "seal 1 is missing"},
		{"the last seal removed", `DELETE FROM sealed.seal WHERE seq = 3`, "seal 3 is missing at the end"},
		{"every seal removed", `DELETE FROM sealed.seal`, "seals 1 to 3 are missing at the end"},
		{"a changed seal", `UPDATE sealed.seal SET sealed_at = sealed_at - interval '1 hour' WHERE seq = 2`, "was changed, or was not made with the key"},
		{"a seal that covers less", `UPDATE sealed.seal SET horizon = horizon - 3 WHERE seq = 2`, "was changed, or was not made with the key"},
		{"a moved head", `UPDATE sealed.head SET seq = 2, seal_mac = (SELECT mac FROM sealed.seal WHERE seq = 2)`, "the head of the chain is not its last seal"},
		{"a forged head", `UPDATE sealed.head SET mac = 'x'`, "the head of the chain was changed"},
		{"no head", `DELETE FROM sealed.head`, "the head of the chain is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := gather(t)
			e.three(t)
			e.clean(t)
			e.tamper(t, c.sql)
			if r := e.verify(t); !slices.ContainsFunc(r.Findings, func(f string) bool { return strings.Contains(f, c.finding) }) {
				t.Errorf("findings %q, want one with %q", r.Findings, c.finding)
			}
		})
	}
}

func TestARemovedSealStaysMissingWhenSealingGoesOn(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	e.tamper(t, `DELETE FROM sealed.seal WHERE seq = 3`)
	e.record(t, "later")
	e.seal(t)
	if r := e.verify(t); len(r.Findings) != 1 || r.Findings[0] != "seal 3 is missing" {
		t.Errorf("findings: %q", r.Findings)
	}
}

func TestAChainRewrittenWithoutTheKeyIsFound(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	e.tamper(t, `DELETE FROM sealed.audit_log WHERE entity_id = 'G'`)
	e.tamper(t, `DELETE FROM sealed.seal`)
	e.tamper(t, `UPDATE sealed.head SET seq = 0, seal_mac = '', mac = ''`)
	thief := *e
	thief.sealer = audit.NewSealer(e.db, newKeys(t, "a guess"), slog.New(slog.DiscardHandler), time.Now)
	thief.seal(t)
	if r := e.verify(t); len(r.Findings) != 2 || !strings.Contains(r.Findings[0], "was not made with the key") {
		t.Errorf("findings: %q", r.Findings)
	}
}

func TestAChainCutBackWithItsHeadIsFoundByTheLog(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	logged := e.verify(t).Head
	e.tamper(t, `DELETE FROM sealed.audit_log WHERE entity_id IN ('K', 'L', 'M', 'N', 'O')`)
	e.tamper(t, `DELETE FROM sealed.seal WHERE seq = 3`)
	e.tamper(t, `UPDATE sealed.head SET seq = 2, seal_mac = (SELECT mac FROM sealed.seal WHERE seq = 2)`)
	r := e.verify(t, logged)
	if !slices.Contains(r.Findings, "seal 3 is in the server's log, and missing in the chain") {
		t.Errorf("findings: %q", r.Findings)
	}
}

// TestARowUnderAnOldTimeIsNoted puts one in by hand that no seal can tell from one of ours, before and after it is sealed.
func TestARowUnderAnOldTimeIsNoted(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.age(t, old(1), "unlink", 2)
	e.seal(t) // the first one: nobody knows when these were written
	e.three(t)
	if r := e.verify(t); len(r.Notes) != 0 {
		t.Fatalf("notes where nothing was done: %q", r.Notes)
	}
	e.exec(t, `INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id) SELECT org_id, at - interval '2 hours', action, entity_type, 'forged'
		FROM sealed.audit_log WHERE entity_id = 'G'`)
	for _, when := range []string{"without a seal", "sealed"} {
		r := e.verify(t)
		if !r.Clean() || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the time that they bear: 1, the first of them row ") {
			t.Errorf("%s: %+v", when, r)
		}
		e.seal(t)
	}
}

func TestALateCommitIsNoForgery(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.record(t, "before")
	e.settle(t)
	late, err := e.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }()
	if err := recordIn(t.Context(), late, e.who, "late"); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Exec(t.Context(), insertScan, e.who.OrgID, "LATE", e.who.UserID); err != nil {
		t.Fatal(err)
	}
	e.record(t, "after")
	if s, err := e.sealer.Seal(t.Context()); err != nil || s.Rows != 1 {
		t.Errorf("with a transaction open: %+v, %v; want the one row before it sealed", s, err)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.clean(t)
	if s := e.seal(t); s.Rows != 2 || s.Scans != 1 {
		t.Errorf("after its end: %+v, want the late row, its scan and the row after", s)
	}
	e.clean(t)
}

func TestTheNewKeyProvesWhatTheOldOneSigned(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	e.keys = newKeys(t, "a new secret", "a secret")
	e.sealer = audit.NewSealer(e.db, e.keys, slog.New(slog.DiscardHandler), time.Now)
	e.record(t, "Z")
	e.seal(t)
	e.clean(t)
	old := *e
	old.sealer = audit.NewSealer(e.db, newKeys(t, "a secret"), slog.New(slog.DiscardHandler), time.Now)
	e.record(t, "Y")
	old.seal(t)
	if r := e.verify(t); len(r.Findings) == 0 || !strings.Contains(r.Findings[0], "no longer in force") {
		t.Errorf("findings after a seal with the old key: %q", r.Findings)
	}
}

func TestWritersAndSealersTogether(t *testing.T) {
	t.Parallel()
	e := gather(t)
	var writers, sealers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		sealers.Go(func() {
			s := audit.NewSealer(e.db, e.keys, slog.New(slog.DiscardHandler), time.Now)
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := s.Seal(t.Context()); err != nil {
						t.Errorf("seal: %v", err)
					}
				}
			}
		})
	}
	for range 64 {
		writers.Go(func() {
			for range 20 {
				e.record(t, "W")
				e.scan(t, "W000")
			}
		})
	}
	writers.Wait()
	close(stop)
	sealers.Wait()
	e.seal(t)
	r := e.verify(t)
	if !r.Clean() || r.Rows != 64*20 || r.Scans != 64*20 || r.UnsealedRows != 0 {
		t.Errorf("report: %+v", r)
	}
}

func TestASealThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	e.record(t, "Z")
	e.exec(t, `CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'`)
	e.exec(t, `CREATE TRIGGER crash AFTER INSERT ON sealed.seal FOR EACH ROW EXECUTE FUNCTION crash()`)
	e.settle(t)
	if _, err := e.sealer.Seal(t.Context()); err == nil {
		t.Fatal("the connection was to break while sealing")
	}
	if r := e.verify(t); !r.Clean() || r.Seals != 3 || r.UnsealedRows != 1 {
		t.Errorf("after the crash: %+v", r)
	}
	e.exec(t, `DROP TRIGGER crash ON sealed.seal`)
	if s := e.seal(t); s.Head.Seq != 4 {
		t.Errorf("the seal after the crash: %+v", s)
	}
	e.clean(t)
}

func TestAnotherServerBeginsASegment(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	e.record(t, "unsealed in the dump")
	// The dump's rows and seals come from a server that had counted far.
	e.tamper(t, `UPDATE sealed.segment SET system_id = 42`)
	e.tamper(t, `UPDATE sealed.seal SET system_id = 42`)
	e.resign(t)
	e.seal(t)
	e.record(t, "on the new server")
	e.scan(t, "NEW0")
	e.seal(t)
	r := e.verify(t)
	if !r.Clean() || r.Segments != 2 || r.Rows != 17 || r.Scans != 16 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "segment 2 begins with seal 4") {
		t.Errorf("report: %+v", r)
	}
	e.tamper(t, `DELETE FROM sealed.audit_log WHERE entity_id = 'on the new server'`)
	if r := e.verify(t); len(r.Findings) != 1 || !strings.Contains(r.Findings[0], "was removed after seal 5") {
		t.Errorf("findings: %q", r.Findings)
	}
}

func TestTheDatabaseRefusesToChangeTheEvidence(t *testing.T) {
	t.Parallel()
	e := gather(t)
	e.three(t)
	month := time.Now().UTC().Format("2006_01")
	for _, sql := range []string{
		`UPDATE sealed.audit_log SET action = 'x'`, `DELETE FROM sealed.audit_log`, `TRUNCATE sealed.audit_log`,
		`TRUNCATE sealed.audit_log_` + month, `DELETE FROM sealed.audit_log_` + month, `UPDATE sealed.audit_log_` + month + ` SET action = 'x'`,
		`UPDATE scan SET code = 'XXXX'`, `DELETE FROM scan`, `TRUNCATE scan`, `TRUNCATE scan_` + month, `DELETE FROM scan_` + month,
		`UPDATE sealed.seal SET scans = 0`, `DELETE FROM sealed.seal`, `TRUNCATE sealed.seal`, `DELETE FROM sealed.segment`,
	} {
		_, err := e.db.Pool().Exec(t.Context(), sql)
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v, want it refused as append-only", sql, err)
		}
	}
}

func (e *evidence) resign(t testing.TB) {
	t.Helper()
	err := e.db.Tx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		return audit.Resign(t.Context(), tx, e.keys)
	})
	if err != nil {
		t.Fatal(err)
	}
}
