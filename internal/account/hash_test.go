package account

import (
	"context"
	"errors"
	"testing"
)

func TestHashPassword(t *testing.T) {
	t.Parallel()
	kept := HashPassword("correct horse")
	h, ok := parseHash(kept)
	if !ok || h.memory != memoryKiB || h.passes != passes || h.lanes != lanes || h.String() != kept {
		t.Fatalf("%s reads as %+v", kept, h)
	}
	if !matches(kept, "correct horse") || matches(kept, "correct horsf") || matches(kept, "") {
		t.Error("the hash takes another password, or not its own")
	}
	if HashPassword("correct horse") == kept {
		t.Error("two hashes of one password are alike: the salt is missing")
	}
}

func TestMatchesReference(t *testing.T) {
	t.Parallel()
	// A vector of the reference implementation.
	if !matches("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password") {
		t.Error("the reference's hash does not match its password")
	}
}

func TestWhatIsNoHashMatchesNothing(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{
		"", "-", "plain", "$2b$10$abc", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=65536,t=0,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=19456,t=2,p=1$c29tc2FsdA$",
		"$argon2id$v=19$m=19456,t=2,p=1$c29tc2FsdA$!!!",
	} {
		if _, ok := parseHash(kept); ok {
			t.Errorf("%q was read as a hash", kept)
		}
	}
	if matches("-", "-") {
		t.Error("somebody without a password got in")
	}
}

func TestWaitingForAPlaceEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	s := &Store{hashing: make(chan struct{}, 1)}
	s.hashing <- struct{}{} // the one place is taken
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.check(ctx, "-", "whatever"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-s.hashing
	if _, err := s.check(t.Context(), "-", "whatever"); err != nil {
		t.Errorf("a free place: %v", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	kept := HashPassword("correct horse")
	b.ReportAllocs()
	for b.Loop() {
		matches(kept, "correct horse")
	}
}
