package account

import (
	"bytes"
	"strings"
	"testing"

	"traitortrack/internal/errs"
)

func TestKeyring(t *testing.T) {
	t.Parallel()
	ring := func(current string, former ...string) Keyring {
		k, err := NewKeyring(current, former...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first, second := strings.Repeat("a", 32), strings.Repeat("b", 32)
	secret := []byte("a secret of twenty b")
	id, sealed, err := ring(first).seal(secret, 1, 7)
	if err != nil || bytes.Contains(sealed, secret) {
		t.Fatalf("sealed: %q, %v", sealed, err)
	}
	if got, current, err := ring(first).open(id, sealed, 1, 7); err != nil || !current || !bytes.Equal(got, secret) {
		t.Errorf("the same key: %q, %v, %v", got, current, err)
	}
	if got, current, err := ring(second, first).open(id, sealed, 1, 7); err != nil || current || !bytes.Equal(got, secret) {
		t.Errorf("after the key was changed: %q, %v, %v", got, current, err)
	}
	spoilt := bytes.Clone(sealed)
	spoilt[len(spoilt)-1] ^= 1
	for name, open := range map[string]func() ([]byte, bool, error){
		"another key":      func() ([]byte, bool, error) { return ring(second).open(id, sealed, 1, 7) },
		"another user":     func() ([]byte, bool, error) { return ring(first).open(id, sealed, 1, 8) },
		"another org":      func() ([]byte, bool, error) { return ring(first).open(id, sealed, 2, 7) },
		"a changed byte":   func() ([]byte, bool, error) { return ring(first).open(id, spoilt, 1, 7) },
		"nothing":          func() ([]byte, bool, error) { return ring(first).open(id, nil, 1, 7) },
		"a ring of no key": func() ([]byte, bool, error) { return ring("").open(id, sealed, 1, 7) },
	} {
		if got, _, err := open(); err == nil || got != nil {
			t.Errorf("%s opened it", name)
		}
	}
	if _, _, err := ring("").seal(secret, 1, 7); errs.As(err) == nil || errs.As(err).Code != "no_secret_key" {
		t.Errorf("sealing without a key: %v", err)
	}
}
