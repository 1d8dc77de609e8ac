package session

import (
	"encoding/base64"
	"time"
)

const (
	idleLimit = time.Hour      // a session that is not used for so long is over
	lifetime  = 12 * time.Hour // and so is one that began so long ago
	useEvery  = time.Minute    // the last use is written at most this often, and a copy is believed for no longer
	burial    = 2 * useEvery   // the mark of an ended session outlives every copy that was made before it ended

	pendingLifetime = 5 * time.Minute // between the password and the second factor
)

// times are when a session was last used, as far as it is written, and when it is over in any case.
type times struct{ used, until time.Time }

// over reports whether the session has ended by itself.
func (t times) over(now time.Time) bool {
	return !now.Before(t.until) || now.Sub(t.used) >= idleLimit
}

// due reports whether a use of the session is to be written.
func (t times) due(now time.Time) bool { return now.Sub(t.used) >= useEvery }

// copyFor gives how long a copy of the session may live: until its next use is to be written, and not beyond its end.
// Copies are therefore never written over, and one that comes late to Redis is too old to be believed.
func (t times) copyFor(now time.Time) time.Duration {
	return min(useEvery, t.used.Add(useEvery).Sub(now), t.until.Sub(now))
}

// wellFormed reports whether a cookie's value can be one of our tokens. Others are not worth a query.
func wellFormed(token string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && len(raw) == 32
}
