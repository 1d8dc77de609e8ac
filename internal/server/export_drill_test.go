//go:build drill

package server_test

import (
	"bufio"
	"net/http"
	"runtime"
	"testing"
	"time"

	"traitortrack/internal/authz"
)

// The drill's export: a million events, and the most that the server may hold of them.
const (
	exported   = 1_000_000
	heldAtMost = 64 << 20
)

// TestDrillAMillionEventsAreExported takes the whole log as a file, which is far larger than the memory that it takes.
func TestDrillAMillionEventsAreExported(t *testing.T) {
	w := start(t)
	admin := w.as(t, authz.Admin)
	for _, sql := range []string{
		`DROP INDEX sealed.audit_log_action_idx, sealed.audit_log_user_idx, sealed.audit_log_entity_idx`, // only a filter reads them
		`INSERT INTO sealed.audit_log (org_id, at, action, entity_type, entity_id, details, before_state, after_state, request_id)
			SELECT (SELECT min(id) FROM organization), now() - n * interval '1 second', 'bill_add', 'bill', 'INV/' || n, jsonb_build_object('parent', 'SB' || n),
				jsonb_build_object('number', 'INV/' || n, 'linked', n % 40), jsonb_build_object('number', 'INV/' || n, 'linked', n % 40 + 1), 'TJ5X4HGBOBYU7XVYHYSSCOIFVW'
			FROM generate_series(1, 1000000) n`,
		`ANALYZE sealed.audit_log`,
	} {
		if _, err := w.db.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{"csv", "jsonl"} {
		begun := time.Now()
		rows, size, held := admin.download("/api/audit/export?format=" + format)
		t.Logf("%s: %d rows, %d MiB in %v; at most %d MiB of memory more than before", format, rows, size>>20, time.Since(begun).Round(100*time.Millisecond), held>>20)
		if rows < exported || size < 2*heldAtMost {
			t.Errorf("%s: only %d rows of %d bytes", format, rows, size)
		}
		if held > heldAtMost {
			t.Errorf("%s: %d MiB of it were held at once", format, held>>20)
		}
	}
}

// download reads a file line by line, and gives how many there are, how large it is, and how much memory the program held
// at most meanwhile, beyond what it held before. The server is in it.
func (c *client) download(path string) (int, int, uint64) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	runtime.GC()
	before := heap()
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	rows, size, held := 0, 0, uint64(0)
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		size += len(lines.Bytes()) + 1
		if rows++; rows%2000 == 0 {
			held = max(held, max(heap(), before)-before)
		}
	}
	if err := lines.Err(); err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s broke off after %d rows: %d, %v", path, rows, response.StatusCode, err)
	}
	return rows, size, held
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
