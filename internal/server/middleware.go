package server

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/klauspost/compress/gzhttp"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/obs"
)

type contextKey int

const (
	requestKey contextKey = iota
	identityKey
	accessKey
)

// request is what is known of a request before anybody logs in.
type request struct {
	id, address, device string
	noted               string // the address as it is written down: shortened where ANONYMIZE_AUDIT_LOGS is on
}

// identity is who asks, or why that is not known.
type identity struct {
	actor *authz.Actor
	err   error
}

// identifyRequest gives each request an id of ours, shown to the client, and reads where it comes from.
func (s *Server) identifyRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about := request{id: rand.Text(), address: clientAddress(r, s.TrustedProxies), device: deviceName(r.UserAgent())}
		if about.noted = about.address; s.AnonymizeAddresses {
			about.noted = audit.Anonymize(about.address)
		}
		w.Header().Set("X-Request-Id", about.id)
		obs.Note(r.Context(), slog.String("request_id", about.id))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey, about)))
	})
}

func requestID(ctx context.Context) string {
	about, _ := ctx.Value(requestKey).(request)
	return about.id
}

// caller is the actor of a request before anybody is known: where it comes from, and nothing more.
func caller(ctx context.Context) authz.Actor {
	about, _ := ctx.Value(requestKey).(request)
	return authz.Actor{Address: about.noted, Device: about.device, Request: about.id}
}

// addressOf gives the whole address of a request, for the limits. It is not written down.
func addressOf(ctx context.Context) string {
	about, _ := ctx.Value(requestKey).(request)
	return about.address
}

// actorFrom gives who asks. Behind a route with an action there is always somebody.
func actorFrom(ctx context.Context) authz.Actor {
	if who, ok := ctx.Value(identityKey).(identity); ok && who.actor != nil {
		return *who.actor
	}
	return caller(ctx)
}

// somebody gives who asks, or nil on a public page without a login.
func somebody(ctx context.Context) *authz.Actor {
	who, _ := ctx.Value(identityKey).(identity)
	return who.actor
}

// admit refuses whoever may not do the action.
func admit(ctx context.Context, action authz.Action) error {
	if action == public || action == bare {
		return nil
	}
	who, _ := ctx.Value(identityKey).(identity)
	if who.err != nil {
		return who.err
	}
	if who.actor == nil {
		return errUnauthenticated()
	}
	return who.actor.Require(action)
}

// rescue turns a panic into an answer and a line in the log, instead of a broken connection.
func (s *Server) rescue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler {
				panic(fault)
			}
			s.Log.ErrorContext(r.Context(), "panic", slog.Any("panic", fault), slog.String("request_id", requestID(r.Context())),
				slog.String("stack", string(debug.Stack())))
			if out.Status() != 0 { // half an answer is out: only breaking off tells the client
				panic(http.ErrAbortHandler)
			}
			s.fail(out, r, errInternal())
		}()
		next.ServeHTTP(out, r)
	})
}

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"

// secure sets the headers that tell a browser what it must not do with an answer. That it comes by TLS only is told also
// where TLS ends before us.
func (s *Server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=()")
		h.Set("Cache-Control", "no-store")
		if s.Sessions.Secure || r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// refuseCrossSite refuses what another site makes a browser send. Callers that are no browsers pass.
func (s *Server) refuseCrossSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.cross.Check(r); err != nil {
			s.tellLoginLimit(w, r, r.URL.Path)
			s.fail(w, r, errs.New(errs.Forbidden, "cross_site", "This request came from another site and was refused. Open TraitorTrack itself and do it there.").Wrap(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitBody cuts every body at maxBody.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// compress shrinks pages and JSON, as fast as it can: what a list of bags then is larger by, is less than a packet. Assets come
// compressed already, and live events must not be held back.
func compress() func(http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(512), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.ContentTypes([]string{
		"text/html", "application/json", "application/problem+json", "text/plain",
	}))
	if err != nil {
		panic("server: " + err.Error()) // the options above are constants
	}
	return func(next http.Handler) http.Handler { return wrap(next) }
}

// clientAddress gives the address that a request came from: the peer's, or the rightmost one in X-Forwarded-For that
// is no proxy of ours. What stands further left, anybody can write.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !within(address, trusted) {
			break
		}
		forwarded, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = forwarded.Unmap().WithZone("")
	}
	return address.String()
}

func within(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// deviceName says in a few words what a request came from, for the history of bags: "Chrome on Android".
func deviceName(agent string) string {
	browser := first(agent, "Edg/", "Edge", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := first(agent, "Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "Mac", "Linux", "Linux")
	if browser != "" && system != "" {
		return browser + " on " + system
	}
	product, _, _ := strings.Cut(strings.ToValidUTF8(agent, ""), " ")
	return clip(product)
}

// first gives the name behind the first of the marks that text holds.
func first(text string, marksAndNames ...string) string {
	for pair := range slices.Chunk(marksAndNames, 2) {
		if strings.Contains(text, pair[0]) {
			return pair[1]
		}
	}
	return ""
}
