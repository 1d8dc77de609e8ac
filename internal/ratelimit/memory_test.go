package ratelimit

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Without Redis the clock of the test is the only one.
func TestWindowsPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(nil, Options{Login: Rate{Count: 10, Per: time.Minute}})
		for n := range 10 {
			if s := l.Strike(t.Context(), LoginName, "asha"); s.Limited || s.Remaining != 9-n {
				t.Fatalf("failure %d: %+v", n+1, s)
			}
		}
		s := l.Check(t.Context(), LoginName, "asha")
		if !s.Limited || s.Retry <= 0 || s.Retry > 2*time.Minute {
			t.Fatalf("after ten failures: %+v", s)
		}
		if s := l.Check(t.Context(), LoginName, "binod"); s.Limited || s.Remaining != 10 {
			t.Errorf("another name: %+v", s)
		}
		time.Sleep(s.Retry - time.Second)
		if early := l.Check(t.Context(), LoginName, "asha"); !early.Limited {
			t.Errorf("a second before the time that was told: %+v", early)
		}
		time.Sleep(time.Second + time.Millisecond)
		if s := l.Check(t.Context(), LoginName, "asha"); s.Limited {
			t.Errorf("at the time that was told: %+v", s)
		}
		time.Sleep(3 * time.Minute)
		if s := l.Check(t.Context(), LoginName, "asha"); s.Remaining != 10 {
			t.Errorf("three minutes later: %+v", s)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemory()
	now := time.Unix(1_800_000_000, 0)
	m.add(API, "7", now, now.Add(-time.Minute), 5)
	for n := range 3 * maxKeys {
		m.add(Default, strconv.Itoa(n), now, now.Add(-time.Minute), 1)
	}
	if n := len(m.classes[Default].now); n > maxKeys {
		t.Errorf("%d keys are kept, and %d are the most", n, maxKeys)
	}
	if n, _ := m.add(API, "7", now, now.Add(-time.Minute), 0); n != 5 {
		t.Errorf("a flood of one class left %d of another's 5", n)
	}
}
