package ratelimit

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	rate := Rate{Count: 10, Per: time.Minute}
	window := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		counts    counts
		remaining int
		limited   bool
		retry     time.Duration
	}{
		"nothing yet":                         {counts{}, 10, false, 0},
		"the first is taken":                  {counts{used: 1, current: 1, taken: 1}, 9, false, 0},
		"the last place is taken":             {counts{used: 10, current: 10, taken: 1}, 0, false, 0},
		"one too many is taken":               {counts{used: 11, current: 11, taken: 1, elapsed: 20 * time.Second}, 0, true, 46 * time.Second},
		"looking, with one place left":        {counts{used: 9, current: 9}, 1, false, 0},
		"looking, with none left":             {counts{used: 10, current: 10, elapsed: 20 * time.Second}, 0, true, 46 * time.Second},
		"the window before still counts":      {counts{used: 9.5, current: 0, previous: 10, elapsed: 3 * time.Second}, 0, true, 3 * time.Second},
		"the window before has faded":         {counts{used: 9, current: 0, previous: 10, elapsed: 6 * time.Second}, 1, false, 0},
		"a storm":                             {counts{used: 1000, current: 1000, elapsed: 0}, 0, true, time.Minute + 59460*time.Millisecond},
		"both windows, and the present fades": {counts{used: 12, current: 10, previous: 4, elapsed: 30 * time.Second}, 0, true, 36 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.counts.window = window
			s := judge(rate, tt.counts)
			want := Standing{Limit: 10, Remaining: tt.remaining, Reset: window.Add(time.Minute), Limited: tt.limited, Retry: tt.retry}
			s.Retry = s.Retry.Round(time.Millisecond)
			if s != want {
				t.Errorf("got %+v, want %+v", s, want)
			}
		})
	}
}

// A limit of one has no room beside the one.
func TestJudgeOfOne(t *testing.T) {
	t.Parallel()
	s := judge(Rate{Count: 1, Per: time.Second}, counts{used: 2, current: 2, taken: 1, elapsed: 250 * time.Millisecond})
	if !s.Limited || s.Retry != 1750*time.Millisecond {
		t.Errorf("got %+v", s)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"203.0.113.7":          "203.0.113.7",
		"::ffff:203.0.113.7":   "203.0.113.7",
		"2001:db8:1:2::1":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::9": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":      "2001:db8:1:3::/64",
		"fe80::1%eth0":         "fe80::/64",
		"no address":           "no address",
	} {
		if got := Network(address); got != want {
			t.Errorf("%s is counted as %s, want %s", address, got, want)
		}
	}
}
