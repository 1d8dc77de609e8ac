package pg_test

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// listening runs a listener at a fresh database until the test ends, and gives what it hears.
func listening(t *testing.T) (*pg.DB, *pg.Listener, chan string) {
	t.Helper()
	url := pgtest.URL(t)
	l, heard := pg.NewListener(url), make(chan string, 100)
	l.On("one", func(payload string) { heard <- "one:" + payload })
	l.On("two", func(payload string) { heard <- "two:" + payload })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return open(t, url), l, heard
}

// anything is what is heard when notices may have been missed: at the beginning, and after a busy machine has kept a proof waiting
// for too long.
func anything() []string { return []string{"one:", "two:"} }

// begins waits until it is heard that notices may have been missed.
func begins(t *testing.T, heard <-chan string) {
	t.Helper()
	for range anything() {
		select {
		case one := <-heard:
			if !slices.Contains(anything(), one) {
				t.Errorf("heard %q, not that anything may have changed", one)
			}
		case <-time.After(time.Minute):
			t.Fatal("nothing is heard")
		}
	}
}

// hears sends a notice, once more where it may have been missed, until it is heard. Nothing else may be heard before it.
func hears(t *testing.T, db *pg.DB, heard <-chan string, notify, want string) {
	t.Helper()
	for range 30 {
		exec(t, db, notify)
		for waiting := true; waiting; {
			select {
			case one := <-heard:
				if one == want {
					return
				}
				if waiting = !slices.Contains(anything(), one); waiting {
					t.Errorf("heard %q, not %q", one, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("nothing is heard of %q", want)
			}
		}
	}
	t.Errorf("%q is not heard", want)
}

func exec(t *testing.T, db *pg.DB, sql string) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestAListenerHearsEveryNotice(t *testing.T) {
	t.Parallel()
	db, l, heard := listening(t)
	begins(t, heard)
	hears(t, db, heard, "NOTIFY one, 'a'", "one:a")
	hears(t, db, heard, "NOTIFY two, 'b'", "two:b")
	exec(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'traitortrack listener'")
	begins(t, heard)
	hears(t, db, heard, "NOTIFY one, 'c'", "one:c")
	for begun := time.Now(); !l.HeardUntil().After(begun); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("it does not prove that it hears")
		}
	}
}

// TestAListenerThatHangsIsNotSure stops the listener's backend, whose connection stays open, and sends a notice. The listener is not
// sure of that time before it has begun anew.
func TestAListenerThatHangsIsNotSure(t *testing.T) {
	t.Parallel()
	db, l, heard := listening(t)
	begins(t, heard)
	var backend int
	err := db.Pool().QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'traitortrack listener'").Scan(&backend)
	if err == nil {
		err = syscall.Kill(backend, syscall.SIGSTOP)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(backend, syscall.SIGCONT) }()
	exec(t, db, "NOTIFY one, 'unheard'")
	committed := time.Now()
	for waiting := true; waiting; time.Sleep(5 * time.Millisecond) {
		sure := l.HeardUntil().After(committed)
		select {
		case <-heard:
			waiting = false
		default:
			if sure {
				t.Fatal("it is sure to have heard what it has not")
			}
		}
	}
}
