package audit_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"traitortrack/internal/audit"
)

// old gives a moment in the middle of a month that lies so many months back.
func old(months int) time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month(), 15, 12, 0, 0, 0, time.UTC).AddDate(0, -months, 0)
}

// age writes n rows of an action as if at a time in the past.
func (e *evidence) age(t testing.TB, at time.Time, action string, n int) {
	t.Helper()
	e.exec(t, `SELECT ensure_partitions($1::date, $1::date)`, at)
	e.exec(t, `INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, details, before_state, request_id)
		SELECT $1, $2::timestamptz + i * interval '1 second', $3, $4, 'bag', 'OLD' || i, '{"note": "a <b> & \u2028 c", "n": 1.50}', '{"was": null}', 'r'
		FROM generate_series(1, $5) i`, e.who.OrgID, at, e.who.UserID, action, n)
}

// aged is evidence with rows of two months that are due, of one that is not, and of today, all of them sealed.
func aged(t testing.TB) (*evidence, *audit.Archiver) {
	t.Helper()
	e := gather(t)
	e.archives = t.TempDir()
	e.age(t, old(6), "unlink", 3)
	e.seal(t)
	e.age(t, old(5), "unlink", 4)
	e.age(t, old(6), "delete_bag", 2)
	e.age(t, old(6), "unlink", 2)
	e.age(t, old(5), "role_change", 1)
	e.age(t, old(1), "unlink", 1)
	e.record(t, "today")
	e.seal(t)
	e.clean(t)
	return e, audit.NewArchiver(e.db, e.keys, e.archives, slog.New(slog.DiscardHandler), time.Now)
}

func (e *evidence) count(t testing.TB, sql string) int {
	t.Helper()
	var n int
	if err := e.db.Pool().QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func archive(t testing.TB, a *audit.Archiver) []audit.Archived {
	t.Helper()
	moved, err := a.Archive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

func TestOldMonthsMoveIntoFiles(t *testing.T) {
	t.Parallel()
	e, a := aged(t)
	six, five := old(6).Format("2006-01"), old(5).Format("2006-01")
	want := []audit.Archived{{Month: six, File: "audit_log_" + six + ".jsonl.gz", Rows: 5, Kept: 2}, {Month: five, File: "audit_log_" + five + ".jsonl.gz", Rows: 4, Kept: 1}}
	if moved := archive(t, a); !slices.Equal(moved, want) {
		t.Errorf("moved %+v, want %+v", moved, want)
	}
	r := e.verify(t)
	if !r.Clean() || r.Archived != 9 || r.Rows != 5 {
		t.Errorf("with the files at hand: %+v", r)
	}
	if n := e.count(t, `SELECT count(*) FROM audit_log WHERE action = 'delete_bag' AND before_state ? 'was'`); n != 2 {
		t.Errorf("%d of the deletions stayed, want both", n)
	}
	if n := e.count(t, `SELECT count(*) FROM audit_log`); n != 5 {
		t.Errorf("%d rows stayed, want 3 that are kept and 2 that are young", n)
	}
	for _, month := range want {
		lines := strings.Split(strings.TrimSpace(unzip(t, filepath.Join(e.archives, month.File))), "\n")
		if len(lines) != int(month.Rows) || strings.Contains(lines[0], e.who.Username) || strings.Contains(lines[0], e.who.Address) {
			t.Errorf("%s: %d lines, the first %s", month.File, len(lines), lines[0])
		}
	}
	if moved := archive(t, a); len(moved) != 0 {
		t.Errorf("a second turn moved %+v", moved)
	}
	e.record(t, "later")
	e.seal(t)
	e.clean(t)
	e.archives = ""
	if r := e.verify(t); !r.Clean() || r.Archived != 9 || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "were not looked at") }) {
		t.Errorf("without the files: %+v", r)
	}
	for _, sql := range []string{`TRUNCATE sealed.audit_log_` + old(6).Format("2006_01"), `DELETE FROM sealed.audit_log`, `UPDATE sealed.audit_log SET action = 'x'`,
		`DELETE FROM sealed.archive`, `UPDATE sealed.archive SET entries = 0`, `TRUNCATE sealed.archive`} {
		if _, err := e.db.Pool().Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("after the archive, %s: %v", sql, err)
		}
	}
}

func unzip(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rewrite changes the lines of an archive.
func rewrite(t testing.TB, path string, change func([]string) []string) {
	t.Helper()
	lines := change(strings.SplitAfter(strings.TrimSpace(unzip(t, path)), "\n"))
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := io.WriteString(zip, strings.Join(lines, ""))
	if err == nil {
		err = zip.Close()
	}
	if err == nil {
		err = os.WriteFile(path, packed.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTamperingWithArchivesIsNamed(t *testing.T) {
	t.Parallel()
	e, a := aged(t)
	moved := archive(t, a)
	path := filepath.Join(e.archives, moved[0].File)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, finding string
		spoil         func()
	}{
		{"a changed row", "was changed in the archive of " + moved[0].Month, func() {
			rewrite(t, path, func(l []string) []string { l[2] = strings.Replace(l[2], "OLD", "NEW", 1); return l })
		}},
		{"a removed row", "was removed from the archive of " + moved[0].Month, func() {
			rewrite(t, path, func(l []string) []string { return slices.Delete(l, 1, 2) })
		}},
		{"a row slipped in", "was slipped into the archive of " + moved[0].Month, func() {
			rewrite(t, path, func(l []string) []string { return append(l, "\n", strings.Replace(l[0], `"id":`, `"id":9`, 1)) })
		}},
		{"a file packed anew", "is not the file that was recorded", func() { rewrite(t, path, func(l []string) []string { return l }) }},
		{"half of the file", "cannot be read to its end", func() { _ = os.Truncate(path, int64(len(whole)/2)) }},
		{"no gzip", "cannot be read", func() { _ = os.WriteFile(path, []byte("nothing"), 0o600) }},
		{"no file", "cannot be read", func() { _ = os.Remove(path) }},
	} {
		c.spoil()
		if r := e.verify(t); !slices.ContainsFunc(r.Findings, func(f string) bool { return strings.Contains(f, c.finding) }) {
			t.Errorf("%s: findings %q, want one with %q", c.name, r.Findings, c.finding)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		e.clean(t)
	}
	e.tamper(t, `DELETE FROM sealed.audit_log WHERE action = 'delete_bag' AND entity_id = 'OLD1'`)
	if r := e.verify(t); len(r.Findings) != 1 || !strings.Contains(r.Findings[0], "was removed after seal 2") {
		t.Errorf("a deletion that had stayed: %q", r.Findings)
	}
	e.tamper(t, `UPDATE sealed.archive SET kept = ''`)
	if r := e.verify(t); len(r.Findings) < 6 || !strings.Contains(r.Findings[0], "the record of the archive") {
		t.Errorf("a changed record: %q", r.Findings)
	}
}

// TestWhatIsNotAsItWasSealedDoesNotMove archives what was tampered with: an archive would excuse the missing row for ever.
func TestWhatIsNotAsItWasSealedDoesNotMove(t *testing.T) {
	t.Parallel()
	e, a := aged(t)
	month := old(6).Format("2006_01")
	for _, c := range []struct{ name, sql, undo, want string }{
		{"a changed row", `UPDATE sealed.audit_log SET request_id = 'x' WHERE action = 'delete_bag' AND entity_id = 'OLD1'`, `UPDATE sealed.audit_log SET request_id = 'r' WHERE request_id = 'x'`, "was changed since"},
		{"a changed seal", `UPDATE sealed.seal SET scans = 7 WHERE seq = 1`, `UPDATE sealed.seal SET scans = 0 WHERE seq = 1`, "was changed, or was not made with the key"},
		{"the first row removed", `DELETE FROM sealed.audit_log WHERE ctid = (SELECT min(ctid) FROM sealed.audit_log_` + month + `) AND tableoid = 'sealed.audit_log_` + month + `'::regclass`, ``, "was removed since"},
	} {
		e.tamper(t, c.sql)
		moved, err := a.Archive(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || len(moved) > 0 || e.count(t, `SELECT count(*) FROM sealed.archive`) != 0 {
			t.Errorf("%s: moved %+v, %v; want %q", c.name, moved, err, c.want)
		}
		if c.undo != "" {
			e.tamper(t, c.undo)
		}
	}
	f := gather(t)
	f.age(t, old(6), "unlink", 1)
	b := audit.NewArchiver(f.db, f.keys, t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	if moved, err := b.Archive(t.Context()); err == nil || !strings.Contains(err.Error(), "has no seal") || len(moved) > 0 {
		t.Errorf("a row without a seal: %+v, %v", moved, err)
	}
}

// TestAnArchiveThatBreaksOffLosesNothing stops it where the file is written and the database is about to forget, with the
// leavings of an even earlier end beside it.
func TestAnArchiveThatBreaksOffLosesNothing(t *testing.T) {
	t.Parallel()
	e, a := aged(t)
	name := filepath.Join(e.archives, "audit_log_"+old(6).Format("2006-01")+".jsonl.gz")
	for _, leaving := range []string{name, name + ".part-1"} {
		if err := os.WriteFile(leaving, []byte("half a fi"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.exec(t, `CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'`)
	e.exec(t, `CREATE TRIGGER crash AFTER INSERT ON sealed.archive FOR EACH ROW EXECUTE FUNCTION crash()`)
	if moved, err := a.Archive(t.Context()); err == nil || len(moved) > 0 {
		t.Fatalf("the connection was to break: %+v, %v", moved, err)
	}
	if n := e.count(t, `SELECT count(*) FROM sealed.audit_log`); n != 14 {
		t.Errorf("%d rows are left of 14", n)
	}
	e.clean(t)
	e.exec(t, `DROP TRIGGER crash ON sealed.archive`)
	var together sync.WaitGroup
	for range 3 {
		together.Go(func() {
			if _, err := a.Archive(t.Context()); err != nil {
				t.Errorf("archive again, three at a time: %v", err)
			}
		})
	}
	together.Wait()
	archive(t, a)
	if r := e.verify(t); !r.Clean() || r.Archived != 9 {
		t.Errorf("after the second try: %+v", r)
	}
}

func TestAFileThatIsNotWhatWasWrittenIsFound(t *testing.T) {
	t.Parallel()
	e, a := aged(t)
	month := old(6).Format("2006-01")
	for name, spoil := range map[string]func(string){
		"untouched":      func(string) {},
		"half a file":    func(path string) { _ = os.Truncate(path, 100) },
		"another row":    func(path string) { rewrite(t, path, func(l []string) []string { return append(l, "\n", l[0]) }) },
		"no row":         func(path string) { rewrite(t, path, func(l []string) []string { return nil }) },
		"packed anew":    func(path string) { rewrite(t, path, func(l []string) []string { return l }) },
		"gone meanwhile": func(path string) { _ = os.Remove(path) },
	} {
		if err := a.WriteMonth(t.Context(), month, spoil); (err == nil) != (name == "untouched") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, dir := range map[string]string{"a file": filepath.Join(e.archives, "file"), "below a file": filepath.Join(e.archives, "file", "folder")} {
		if err := os.WriteFile(filepath.Join(e.archives, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		b := audit.NewArchiver(e.db, e.keys, dir, slog.New(slog.DiscardHandler), time.Now)
		if moved, err := b.Archive(t.Context()); err == nil || len(moved) > 0 {
			t.Errorf("a folder that is %s: %+v, %v", name, moved, err)
		}
	}
	e.clean(t)
}

func TestTheDatabaseKeepsWhatIsYoungOrOtherThanRecorded(t *testing.T) {
	t.Parallel()
	e, _ := aged(t)
	const retire = `SELECT sealed.retire_month(ROW($1::text, 'f', ''::bytea, $2::bigint, ''::bytea, now(), ''::bytea)::sealed.archive, '{}')`
	for _, c := range []struct {
		month string
		rows  int
		want  string
	}{
		{time.Now().UTC().Format("2006-01"), 1, "is not older than 90 days"},
		{old(2).Format("2006-01"), 0, "is not older than 90 days"},
		{"2001-01", 0, "is not older than 90 days"},
		{old(6).Format("2006-01"), 6, "holds 7 rows"},
	} {
		if _, err := e.db.Pool().Exec(t.Context(), retire, c.month, c.rows); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %d rows: %v, want %q", c.month, c.rows, err, c.want)
		}
	}
	e.clean(t)
}
