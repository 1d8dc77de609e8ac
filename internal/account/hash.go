package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password: argon2id with 19 MiB of memory, two passes and one lane, as the OWASP Password Storage Cheat
// Sheet asks for at least.
const (
	memoryKiB   = 19 * 1024
	passes      = 2
	lanes       = 1
	saltBytes   = 16
	digestBytes = 32
)

// Bounds of what a kept hash may ask for.
const (
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxLanes     = 16
)

// hash is a kept password, as the PHC string format writes it: $argon2id$v=19$m=19456,t=2,p=1$salt$digest.
type hash struct {
	memory, passes uint32
	lanes          uint8
	salt, digest   []byte
}

// HashPassword gives the text under which a password is kept. It takes tens of milliseconds and 19 MiB.
func HashPassword(password string) string {
	h := hash{memory: memoryKiB, passes: passes, lanes: lanes, salt: make([]byte, saltBytes), digest: make([]byte, digestBytes)}
	_, _ = rand.Read(h.salt) // it cannot fail
	h.digest = h.of(password)
	return h.String()
}

func (h hash) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.digest))) //nolint:gosec // a digest has some dozens of bytes
}

// String writes the hash as it is kept.
func (h hash) String() string {
	text := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		text.EncodeToString(h.salt), text.EncodeToString(h.digest))
}

// parseHash reads a kept hash, and answers false for what is none.
func parseHash(kept string) (hash, bool) {
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hash{}, false
	}
	var h hash
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return hash{}, false
	}
	var saltErr, digestErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	h.digest, digestErr = base64.RawStdEncoding.DecodeString(parts[5])
	whole := saltErr == nil && digestErr == nil && len(h.salt) >= 8 && len(h.digest) >= 16 && len(h.digest) <= 64
	costs := h.memory > 0 && h.memory <= maxMemoryKiB && h.passes > 0 && h.passes <= maxPasses && h.lanes > 0 && h.lanes <= maxLanes
	return h, whole && costs
}

// matches reports whether a password is the kept one. Where nothing is kept, or nothing that can be read, it does the
// same work, so that its time does not tell, and answers false.
func matches(kept, password string) bool {
	h, known := parseHash(kept)
	if !known {
		h = hash{memory: memoryKiB, passes: passes, lanes: lanes, salt: make([]byte, saltBytes), digest: make([]byte, digestBytes)}
	}
	same := subtle.ConstantTimeCompare(h.of(password), h.digest) == 1
	return same && known
}

// outdated reports whether a kept hash asks for another cost than hashes are made with today.
func outdated(kept string) bool {
	h, ok := parseHash(kept)
	return ok && (h.memory != memoryKiB || h.passes != passes || h.lanes != lanes || len(h.digest) != digestBytes)
}

// check is matches, once there is a place to hash in.
func (s *Store) check(ctx context.Context, kept, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	same := false
	err := s.place(ctx, func() { same = matches(kept, password) })
	return same, err
}

// hash is HashPassword, once there is a place to hash in.
func (s *Store) hash(ctx context.Context, password string) (string, error) {
	kept := ""
	err := s.place(ctx, func() { kept = HashPassword(password) })
	return kept, err
}

// place waits for a place to hash in.
func (s *Store) place(ctx context.Context, do func()) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		do()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a place to hash a password in: %w", ctx.Err())
	}
}

// rehash keeps a password that was just right under today's cost, where its hash is of another. It can wait for the next
// login: nothing that goes wrong here spoils this one.
func (s *Store) rehash(ctx context.Context, row findByNameRow, password string) {
	if !outdated(row.PasswordHash) {
		return
	}
	kept, err := s.hash(ctx, password)
	if err != nil {
		return
	}
	_ = New(s.db.For(ctx)).rehashPassword(ctx, rehashPasswordParams{PasswordHash: kept, OrgID: row.OrgID, ID: row.ID, OldHash: row.PasswordHash})
}
