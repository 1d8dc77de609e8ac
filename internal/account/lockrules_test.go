package account

import (
	"testing"
	"time"

	"traitortrack/internal/authz"
)

func TestFailuresLock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, tc := range []struct {
		name   string
		before attempts
		want   int
		locked bool
	}{
		{"the first", attempts{}, 1, false},
		{"the fourth", attempts{failures: 3, last: before(time.Minute)}, 4, false},
		{"the fifth", attempts{failures: 4, last: before(29 * time.Minute)}, 5, true},
		{"the fifth, long after", attempts{failures: 4, last: before(30 * time.Minute)}, 1, false},
		{"after a lock", attempts{failures: 5, last: before(30 * time.Minute), until: now}, 1, false},
	} {
		got := tc.before.failed(now)
		if got.failures != tc.want || got.locked(now) != tc.locked || !got.last.Equal(now) {
			t.Errorf("%s: %+v", tc.name, got)
		}
		if tc.locked && (got.locked(now.Add(30*time.Minute)) || !got.locked(now.Add(30*time.Minute-time.Second))) {
			t.Errorf("%s: locked until %v", tc.name, got.until)
		}
	}
}

func TestDuty(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mustChange, enrolled, needs bool
		want                        authz.Duty
	}{
		{false, false, false, ""}, {false, true, true, ""}, {false, false, true, authz.EnrolTOTP},
		{true, false, true, authz.ChangePassword}, {true, true, false, authz.ChangePassword},
	} {
		if got := duty(tc.mustChange, tc.enrolled, tc.needs); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"1234567890", "qwertyuiop", "password123", "Password123!", "P@ssw0rd123", "iloveyou12", "1q2w3e4r5t",
		"basketball", "christopher", "aaaaaaaaaa", "abcabcabcabc", "asha123456", "traitortrack", "TraitorTrack1", "1qazxsw23edc",
		"qazwsxedcrfv", "qweasdzxc123", "1a2b3c4d5e", "zaq12wsxcde3", "zaq1zaq1zaq1", "!QAZ2wsx3edc", "1qaz@WSX3edc", "ashaasha2024", "short", "नमस्ते"} {
		if ValidatePassword(bad, "asha") == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	for _, good := range []string{"seven green bags", "correct horse battery", "q8Zk2vLw9x", "मूंग की दाल अच्छी है"} {
		if err := ValidatePassword(good, "asha"); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
