package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
)

// TestWatchersHaveAccountsOfTheirOwn holds that no dashboard is watched by a user of the script, by an admin, or by somebody whom the
// seed does not make.
func TestWatchersHaveAccountsOfTheirOwn(t *testing.T) {
	t.Parallel()
	names := watchers(200, 100)
	if slices.Sort(names); len(names) != 100 || len(slices.Compact(names)) != 100 {
		t.Fatalf("%d names, some of them twice", len(names))
	}
	seeded := accounts(200, 100)
	for _, name := range names {
		org, index := name[:len("seed-a")], 0
		for _, digit := range name[len("seed-a-load-"):] {
			index = index*10 + int(digit-'0')
		}
		part := map[string]int{"seed-a": 6, "seed-b": 3, "seed-c": 1}[org]
		if index <= 200*part/10 || index > seeded*part/10 || index%50 == 3 {
			t.Errorf("%s is a user of the script, not seeded, or an admin", name)
		}
	}
}

// TestReadAcknowledged reads each form of line: a replay changes nothing, and an answer that came late is one.
func TestReadAcknowledged(t *testing.T) {
	t.Parallel()
	one, two := uuid.New(), uuid.New()
	path := filepath.Join(t.TempDir(), "acknowledged")
	text := "lost " + one.String() + " LC1\nlost " + two.String() + " LC2\n" +
		"scan " + one.String() + " 200 linked LC1 LP1\nscan " + one.String() + " 200 linked LC1 LP9\nundo 200 LC1 LP1\nundo 0 LC3 LP1\n" +
		"bill 200 LB/1 LP1\nbill 409 LB/1 LP2\ndone 200 LB/1\nfailed 503 look up\nfailed 1050 scan\nfailed 503 look up\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := readAcknowledged([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if a.scans[one] != (scan{"linked", "LC1", "LP1"}) || len(a.scans) != 1 || a.lost[one] || !a.lost[two] {
		t.Errorf("scans %v, lost %v", a.scans, a.lost)
	}
	if a.inside["LC1"] != "" || a.unsure["LC1"] || !a.unsure["LC2"] || !a.unsure["LC3"] {
		t.Errorf("inside %v, unsure %v", a.inside, a.unsure)
	}
	if a.onBill["LP1"] != "LB/1" || len(a.onBill) != 1 || !a.done["LB/1"] {
		t.Errorf("on bills %v, done %v", a.onBill, a.done)
	}
	if a.failed["look up: 503"] != 2 || a.failed["scan: 1050"] != 1 || len(a.failed) != 2 {
		t.Errorf("failed: %v", a.failed)
	}
}

// TestLogsOfAllServersAreCounted holds that lines that say the same are one, whichever server wrote them, and that what is no record is told.
func TestLogsOfAllServersAreCounted(t *testing.T) {
	t.Parallel()
	s := &site{dir: t.TempDir()}
	for name, text := range map[string]string{
		"server-0.log": `{"level":"WARNING","msg":"slow statement","name":"useSession","duration_ms":120.5}` + "\n" + `{"msg":"away","error":"dial 127.0.0.1:41"}` + "\n",
		"server-1.log": `{"msg":"away","error":"dial 127.0.0.1:7"}` + "\npanic: 5\n" + `{"msg":"request","route":"/scan","status":503,"duration_ms":7}` + "\n",
		"k6-0.log":     "of no concern\n",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	times, err := s.logged()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"slow statement: useSession": 1, "away: dial N.N.N.N:N": 2, "panic: N": 1, "request: /scan: 503": 1}
	if !maps.Equal(times, want) {
		t.Errorf("counted %v, want %v", times, want)
	}
}
