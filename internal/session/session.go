// Package session knows who is logged in. PostgreSQL holds the sessions; Redis, where there is one, holds copies that
// save a read. A copy lives for a minute at most, and is believed only under the generation in force: whenever Redis
// could not be told that a session has ended, the generation rises, and no copy from before is looked at again.
package session

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"traitortrack/internal/obs"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// CookieName is the name of the cookie that carries a session's token.
const CookieName = "traitortrack_session"

// What a session holds.
const (
	keyUser    = "user"
	keyPending = "pending" // the user who has yet to show a second factor; there is no keyUser beside it
	keyEpoch   = "epoch"
	keyRole    = "role" // of the user when the token was made
	keyDevice  = "device"
	keyAddress = "address"
)

// Sessions begins, recognises and ends sessions. It is safe for concurrent use.
type Sessions struct {
	// Secure keeps the cookie to TLS even where TLS ends before us. It is set before the first request.
	Secure bool

	scs   *scs.SessionManager
	store *store
	now   func() time.Time
}

// NewSessions makes the sessions of a database. Redis may be nil. Copies in Redis are used once Run knows the generation.
func NewSessions(db *pg.DB, redis *redisdb.DB, now func() time.Time) *Sessions {
	s := &Sessions{scs: scs.New(), store: &store{db: db, redis: redis, now: now}, now: now}
	s.scs.Store, s.scs.Codec, s.scs.Lifetime = s.store, codec{}, lifetime
	return s
}

// Measure shows among the numbers how often a copy in Redis saved a read. Without Redis there are no copies.
func (s *Sessions) Measure(m *obs.Metrics) {
	if s.store.redis != nil {
		m.Cache("session", &s.store.count, nil)
	}
}

type contextKey int

const (
	visitKey contextKey = iota
	passiveKey
	soleKey // only one of several requests may end the session
)

// visit is one request: where its cookie goes, and why its session could not be looked at.
type visit struct {
	header http.Header
	secure bool
	err    error
}

// Middleware recognises the session of each request. It counts as a use of the session. The answer passes by untouched,
// so that it can be streamed; a cookie is sent only by Begin and End.
func (s *Sessions) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, r.Context(), next) })
}

// Passive is the Middleware for what a page asks by itself, such as live events: it is no use of the session, so that a
// forgotten tab does not keep it alive.
func (s *Sessions) Passive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, passive(r.Context()), next) })
}

func (s *Sessions) serve(w http.ResponseWriter, r *http.Request, ctx context.Context, next http.Handler) {
	w.Header().Add("Vary", "Cookie")
	token := ""
	if cookie, err := r.Cookie(CookieName); err == nil {
		token = cookie.Value
	}
	v := &visit{header: w.Header(), secure: s.Secure || r.TLS != nil}
	loaded, err := s.scs.Load(ctx, token)
	if err != nil {
		v.err = fmt.Errorf("look at the session: %w", err)
		loaded, _ = s.scs.Load(ctx, "") // nobody: that asks no store, and cannot fail
	}
	next.ServeHTTP(w, r.WithContext(context.WithValue(loaded, visitKey, v)))
}

func passive(ctx context.Context) context.Context { return context.WithValue(ctx, passiveKey, true) }

// UserID gives whose session a request belongs to, and the epoch of that user under which it began. It answers false
// where there is no session, and where it could not be looked at: Err tells which.
func (s *Sessions) UserID(ctx context.Context) (int64, int64, bool) {
	if ctx.Value(visitKey) == nil {
		return 0, 0, false
	}
	id := s.scs.GetInt64(ctx, keyUser)
	return id, s.scs.GetInt64(ctx, keyEpoch), id != 0
}

// Err gives why the session of a request could not be looked at, or nil where it could. While the database is away,
// nobody is told that they are not logged in.
func (s *Sessions) Err(ctx context.Context) error {
	if v, ok := ctx.Value(visitKey).(*visit); ok {
		return v.err
	}
	return nil
}

// Alive looks at the session of a request again, for answers that last. It is no use of the session.
func (s *Sessions) Alive(ctx context.Context) (bool, error) {
	_, found, err := s.store.FindCtx(passive(ctx), s.scs.Token(ctx))
	return found, err
}

// setCookie puts a token on its way to the client until a time, or takes the cookie away.
func (v *visit) setCookie(token string, life time.Duration) {
	cookie := http.Cookie{Name: CookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.secure, MaxAge: -1} //nolint:gosec // Secure wherever people come over TLS
	if token != "" {
		cookie.MaxAge = int(life.Seconds())
	}
	v.header.Add("Set-Cookie", cookie.String())
}
