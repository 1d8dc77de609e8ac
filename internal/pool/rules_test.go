package pool

import (
	"testing"
	"time"
)

func TestBands(t *testing.T) {
	t.Parallel()
	for percent, want := range map[float64]Band{0: Healthy, 69.9: Healthy, 70: Warning, 84.9: Warning, 85: Critical, 94.9: Critical, 95: Danger, 100: Danger} {
		if got := BandOf(percent); got != want {
			t.Errorf("%v %% is %s, want %s", percent, got, want)
		}
	}
}

// TestAlarm follows one alarm through a bad hour: when each sample comes, its band, and whether it is told.
func TestAlarm(t *testing.T) {
	t.Parallel()
	var a alarm
	begin := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for _, s := range []struct {
		at   time.Duration
		band Band
		told bool
		why  string
	}{
		{0, Healthy, false, "nothing has happened"},
		{2 * time.Second, Warning, true, "a band is reached"},
		{4 * time.Second, Warning, false, "it was told a moment ago"},
		{6 * time.Second, Danger, true, "a higher band is told at once"},
		{8 * time.Second, Critical, false, "a lower one is no news"},
		{10 * time.Second, Danger, false, "back within the cooldown"},
		{5 * time.Minute, Danger, false, "a moment before the cooldown is over"},
		{5*time.Minute + 6*time.Second, Danger, true, "still there after the cooldown"},
		{6 * time.Minute, Healthy, true, "healthy again"},
		{6*time.Minute + 2*time.Second, Healthy, false, "that is told once"},
		{7 * time.Minute, Warning, false, "it flaps within the cooldown"},
		{7*time.Minute + 2*time.Second, Healthy, false, "whoever was not told of the alarm is not told of its end"},
		{12 * time.Minute, Warning, true, "the cooldown is over"},
	} {
		var told bool
		if a, told = a.step(s.band, begin.Add(s.at)); told != s.told {
			t.Errorf("after %s in %s: told %v, want %v: %s", s.at, s.band, told, s.told, s.why)
		}
	}
}

func TestStatementsAreKeptWithoutTheirValues(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		`SELECT * FROM bag WHERE org_id = $1 AND code = $2 LIMIT 50`:              `SELECT * FROM bag WHERE org_id = $1 AND code = $2 LIMIT ?`,
		`UPDATE "user" SET email = 'asha@example.org', x2 = 1.5e3 WHERE id = -17`: `UPDATE "user" SET email = ?, x2 = ? WHERE id = -?`,
		`SELECT 'it''s', 'asha', E'a\'sha', e'', ''`:                              `SELECT ?, ?, ?, ?, ?`,
		`SELECT "a""b'asha'c", U&'asha' FROM t`:                                   `SELECT "a""b'asha'c", U&? FROM t`,
		"DO $$ BEGIN PERFORM 'asha'; END $$":                                      `DO ?`,
		`SELECT $tag$asha$tag$, $1`:                                               `SELECT ?`, // what comes after the dollars is given up
		"-- for asha\nSELECT 1 /* asha */ + 2":                                    " \nSELECT ?   + ?",
		`SELECT 'asha was cut o`:                                                  `SELECT ?`,
		`SELECT 1 /* asha was cut o`:                                              `SELECT ?  `,
		`SELECT e'asha was cut o`:                                                 `SELECT ?`,
		`SELECT name2, t1.c FROM t1 WHERE d > now() - interval '1 hour'`:          `SELECT name2, t1.c FROM t1 WHERE d > now() - interval ?`,
		``: ``,
	} {
		if got := withoutValues(statement); got != want {
			t.Errorf("%s\n is kept as %s\nand should be %s", statement, got, want)
		}
	}
}
