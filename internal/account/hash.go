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
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.digest)))
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

// check is matches, once there is a place to hash in.
func (s *Store) check(ctx context.Context, kept, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return matches(kept, password), nil
	case <-ctx.Done():
		return false, fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
}
