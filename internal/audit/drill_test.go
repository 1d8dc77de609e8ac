//go:build drill

package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/audit"
)

// The drill's log: a million rows, of which a transaction writes ten thousand.
const (
	million     = 1_000_000
	rowsInOne   = 10_000
	verifyBound = 10 * time.Second
)

// writeMillion fills the log with rows as large as those of a bill that was changed.
func (e *evidence) writeMillion(t *testing.T) {
	t.Helper()
	for i := range million / rowsInOne {
		e.exec(t, `INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, details, before_state, after_state, address_token, request_id)
			SELECT $1, now() + n * interval '1 microsecond', $2, 'add_to_bill', 'bill', 'INV/2026-27/' || n, jsonb_build_object('parent', 'SB' || n),
				jsonb_build_object('number', 'INV/2026-27/' || n, 'status', 'processing', 'capacity', 40, 'linked', n % 40, 'description', 'to Jaipur'),
				jsonb_build_object('number', 'INV/2026-27/' || n, 'status', 'processing', 'capacity', 40, 'linked', n % 40 + 1, 'description', 'to Jaipur'),
				n, 'TJ5X4HGBOBYU7XVYHYSSCOIFVW'
			FROM generate_series($3::bigint, $4) n`, e.who.OrgID, e.who.UserID, i*rowsInOne+1, (i+1)*rowsInOne)
	}
}

// TestDrillAMillionRows proves a log of a million rows in time, and finds each way of tampering with it.
func TestDrillAMillionRows(t *testing.T) {
	e := gather(t)
	e.exec(t, `DROP INDEX sealed.audit_log_action_idx, sealed.audit_log_user_idx, sealed.audit_log_entity_idx`) // the page's: nothing is proved by them
	late, err := e.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }()
	e.record(t, "first")
	if _, err := late.Exec(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		t.Fatal(err)
	}
	if err := recordIn(t.Context(), late, e.who, "stays open"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	e.writeMillion(t)
	t.Logf("a million rows written in %v", time.Since(begun).Round(time.Millisecond))
	if s, err := e.sealer.Seal(t.Context()); err != nil || s.Rows > 1 {
		t.Fatalf("sealed past a transaction that stays open: %+v, %v", s, err)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	sealed := e.seal(t)
	t.Logf("%d rows sealed with %d seals in %v", sealed.Rows, sealed.Seals, time.Since(begun).Round(time.Millisecond))
	e.exec(t, `VACUUM ANALYZE sealed.audit_log`)
	took := verifyBound + 1
	for range 3 { // others may keep the machine busy: the best counts
		begun = time.Now()
		r := e.verify(t)
		took = min(took, time.Since(begun))
		t.Logf("%d rows proved in %v", r.Rows, time.Since(begun).Round(time.Millisecond))
		if !r.Clean() || r.Rows != million+2 {
			t.Errorf("the untouched log: %+v", r)
		}
	}
	if took > verifyBound {
		t.Errorf("proving took %v and more, at best, where %v is asked", took, verifyBound)
	}
	e.findEach(t, sealed)
	e.findRewritten(t)
}

// findEach tampers in five ways at once, at five places, and wants each of them named, and nothing else.
func (e *evidence) findEach(t *testing.T, sealed audit.Sealed) {
	t.Helper()
	row := func(n int) string { return fmt.Sprintf("entity_id = 'INV/2026-27/%d'", n) }
	last := sealed.Head.Seq
	e.tamper(t, `UPDATE sealed.audit_log SET after_state = replace(after_state::text, 'to Jaipur', 'to Jaipus')::jsonb WHERE `+row(150_007))
	e.tamper(t, `DELETE FROM sealed.audit_log WHERE `+row(400_007))
	e.tamper(t, `INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id, xid) SELECT org_id, at, action, entity_type, 'forged', xid FROM sealed.audit_log WHERE `+row(600_007))
	e.tamper(t, `DELETE FROM sealed.seal WHERE seq = $1`, last-5)
	e.tamper(t, `DELETE FROM sealed.seal WHERE seq = $1`, last)
	r := e.verify(t)
	for _, want := range []string{"was changed after seal", "was removed after seal", "was slipped in after seal",
		fmt.Sprintf("seal %d is missing", last-5), fmt.Sprintf("seal %d is missing at the end", last)} {
		found := 0
		for _, f := range r.Findings {
			if strings.Contains(f, want) {
				found++
			}
		}
		if found != 1 && !strings.HasSuffix(want, "missing") || found == 0 {
			t.Errorf("%q was found %d times in %q", want, found, r.Findings)
		}
	}
	if len(r.Findings) != 6 { // the rows of the missing seal in the middle have none
		t.Errorf("%d findings: %q", len(r.Findings), r.Findings)
	}
}

// findRewritten throws the whole chain away, and makes another without the key.
func (e *evidence) findRewritten(t *testing.T) {
	t.Helper()
	e.tamper(t, `DELETE FROM sealed.seal`)
	e.tamper(t, `UPDATE sealed.head SET seq = 0, seal_mac = '', mac = ''`)
	thief := *e
	thief.sealer = audit.NewSealer(e.db, newKeys(t, "a guess"), slog.New(slog.DiscardHandler), time.Now)
	n := thief.seal(t).Seals
	if r := e.verify(t); len(r.Findings) != n+1 || !strings.Contains(r.Findings[0], "was not made with the key") {
		t.Errorf("%d seals made without the key: %d findings, the first %q", n, len(r.Findings), r.Findings[0])
	}
}
