package totp

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// recoveryCodes is how many recovery codes somebody has.
const recoveryCodes = 10

// A recovery code is sixteen of these letters and digits: 80 bits, too many to guess even with the hash at hand. None
// of them looks like another.
const (
	recoveryAlphabet = "abcdefghjkmnpqrstuvwxyz023456789"
	recoveryLength   = 16
)

// NewRecoveryCodes makes ten recovery codes, such as k3tf-9hmw-2xqa-v7cd.
func NewRecoveryCodes() []string {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		var raw [recoveryLength]byte
		_, _ = rand.Read(raw[:]) // it cannot fail
		var b strings.Builder
		for at, n := range raw {
			if at > 0 && at%4 == 0 {
				b.WriteByte('-')
			}
			b.WriteByte(recoveryAlphabet[int(n)%len(recoveryAlphabet)]) // 256 is a multiple of 32: no letter is favoured
		}
		codes[i] = b.String()
	}
	return codes
}

// HashRecovery gives the hash under which a recovery code is kept, of a code as it was typed. It answers false for what
// cannot be a recovery code.
func HashRecovery(typed string) ([]byte, bool) {
	code := strings.ToLower(compact(typed))
	if len(code) != recoveryLength || strings.Trim(code, recoveryAlphabet) != "" {
		return nil, false
	}
	hash := sha256.Sum256([]byte(code))
	return hash[:], true
}
