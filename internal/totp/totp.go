// Package totp makes and checks the codes of authenticator apps (RFC 6238: SHA-1, six digits, 30 seconds), and the
// recovery codes for the day on which the app is lost. It keeps nothing.
package totp

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	secretBytes = 20
	stepSeconds = 30
	drift       = 1 // steps that a device's clock may be early or late
)

// NewSecret makes the secret that an app and we share.
func NewSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it cannot fail
	return secret
}

// Text gives a secret as one types it into an app.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// URI gives the otpauth address that an app reads from a QR code.
func URI(issuer, account string, secret []byte) (string, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Secret: secret, Period: stepSeconds})
	if err != nil {
		return "", fmt.Errorf("make an otpauth address: %w", err)
	}
	return key.URL(), nil
}

// Verdict is what a check says of a code.
type Verdict int

// The verdicts.
const (
	Wrong    Verdict = iota // no code of these moments
	Replayed                // the code of a step that was used, or of one before it
	Right
)

// Check looks at a code as it was typed, spaces and all. It is right when it is the code of the present step or of one
// beside it, and later than the step used last. With Right comes the step, which is the one used last from now on.
func Check(secret []byte, typed string, now time.Time, used int64) (Verdict, int64) {
	code := compact(typed)
	if len(code) != otp.DigitsSix.Length() {
		return Wrong, 0
	}
	present := now.Unix() / stepSeconds
	found := int64(0)
	for step := present - drift; step <= present+drift; step++ { // all of them: the time does not tell which
		ok, err := hotp.ValidateCustom(code, uint64(step), Text(secret), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // a step is seconds since 1970
		if err == nil && ok {
			found = step
		}
	}
	switch {
	case found == 0:
		return Wrong, 0
	case found <= used:
		return Replayed, 0
	}
	return Right, found
}

// compact drops what people and password managers put between the characters of a code.
func compact(typed string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' || c == '\u00a0' || c == '\t' || c == '\r' || c == '\n' {
			return -1
		}
		return c
	}, typed)
}
