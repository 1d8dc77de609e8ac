package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	pathpkg "path"
	"strings"

	"traitortrack/internal/errs"
)

// Refusals that the edge itself gives.
func errUnauthenticated() *errs.Error {
	return errs.New(errs.Unauthenticated, "unauthenticated", "You are not logged in, or your session has ended. Log in and try again.")
}

func errInternal() *errs.Error {
	return errs.New(errs.Internal, "internal", "Something went wrong on our side, and it has been noted. Try again; if it happens again, tell an admin the request id.")
}

func notFound(http.ResponseWriter, *http.Request) error {
	return errs.New(errs.NotFound, "not_found", "There is nothing at this address. Check it, or search for the bag or bill.")
}

func wrongMethod(_ http.ResponseWriter, r *http.Request) error {
	return errs.New(errs.WrongMethod, "method_not_allowed", "This address does not answer %s. The Allow header lists what it does.", clip(r.Method))
}

// statusGone is what is logged for a client that did not wait for its answer. Nobody reads it.
const statusGone = 499

// fail is the one door for errors: it finds the refusal in err, and shows it as a page, as a problem, or as a way to
// the login. What is no refusal is a fault of ours: it is logged here, and its text stays inside.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(statusGone)
		return
	}
	refusal := s.refusal(r.Context(), err)
	status := statusOf(refusal.Kind)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	if seconds := refusal.Extra["retry_after"]; seconds != "" {
		w.Header().Set("Retry-After", seconds)
	}
	switch {
	case wantsProblem(r):
		s.failProblem(w, r, refusal)
	case status == http.StatusUnauthorized:
		sendToLogin(w, r)
	case r.Method == http.MethodHead:
		w.WriteHeader(status)
	default:
		s.failPage(w, r, refusal)
	}
}

// refusal finds the refusal in err, and logs what an operator must see.
func (s *Server) refusal(ctx context.Context, err error) *errs.Error {
	refusal := errs.As(err)
	if refusal == nil && errors.Is(err, context.DeadlineExceeded) {
		refusal = errs.New(errs.Unavailable, "unavailable", "This took too long and was given up. Try again in a few seconds.")
	}
	switch {
	case refusal == nil || refusal.Kind == errs.Internal:
		s.Log.ErrorContext(ctx, "request failed", slog.Any("error", err), slog.String("request_id", requestID(ctx)))
		return errInternal()
	case refusal.Kind == errs.Unavailable:
		s.Log.WarnContext(ctx, "a part that is needed is away", slog.Any("error", cause(err)), slog.String("request_id", requestID(ctx)))
	}
	return refusal
}

// cause gives what a refusal was made from, or the refusal itself.
func cause(err error) error {
	if inner := errors.Unwrap(errs.As(err)); inner != nil {
		return inner
	}
	return err
}

func statusOf(kind errs.Kind) int {
	switch kind {
	case errs.Malformed:
		return http.StatusBadRequest
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.PaymentRequired:
		return http.StatusPaymentRequired
	case errs.Forbidden:
		return http.StatusForbidden
	case errs.NotFound:
		return http.StatusNotFound
	case errs.WrongMethod:
		return http.StatusMethodNotAllowed
	case errs.Conflict:
		return http.StatusConflict
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.Unsupported:
		return http.StatusUnsupportedMediaType
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.Locked:
		return http.StatusLocked
	case errs.RateLimited:
		return http.StatusTooManyRequests
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// wantsProblem reports whether the caller is a program: it asks below /api, with a token, or for JSON and no page.
func wantsProblem(r *http.Request) bool {
	if _, byToken := bearer(r); byToken {
		return true
	}
	accept := r.Header.Get("Accept")
	asksJSON := strings.Contains(accept, "application/json") || strings.Contains(accept, "application/problem+json")
	return isAPI(r) || asksJSON && !strings.Contains(accept, "text/html")
}

func isAPI(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != docsPath
}

// problemOf gives a refusal in the shape of RFC 9457, with the refusal's own members beside the standard ones.
func problemOf(refusal *errs.Error, requestID string) map[string]any {
	status := statusOf(refusal.Kind)
	p := map[string]any{}
	for name, value := range refusal.Extra {
		p[name] = value
	}
	if refusal.Field != "" {
		p["field"] = refusal.Field
	}
	p["type"], p["title"], p["status"] = "about:blank", http.StatusText(status), status
	p["detail"], p["code"], p["request_id"] = refusal.Message, refusal.Code, requestID
	return p
}

func (s *Server) failProblem(w http.ResponseWriter, r *http.Request, refusal *errs.Error) {
	if refusal.Kind == errs.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	p := problemOf(refusal, requestID(r.Context()))
	if err := writeJSONAs(w, statusOf(refusal.Kind), "application/problem+json", p); err != nil {
		s.Log.ErrorContext(r.Context(), "problem not written", slog.Any("error", err))
	}
}

// errorPage is a refusal as a page: one sentence, one way on, and the request's id in small print.
type errorPage struct {
	Frame
	Status           int
	Heading, Message string
	WayText, WayHref string
}

func (s *Server) failPage(w http.ResponseWriter, r *http.Request, refusal *errs.Error) {
	status := statusOf(refusal.Kind)
	heading, wayText, wayHref := wayOn(status, r.URL.Path)
	p := errorPage{Frame: s.frame(r, heading, ""), Status: status, Heading: heading, Message: refusal.Message, WayText: wayText, WayHref: wayHref}
	if err := s.render(w, r, status, "error", p); err != nil {
		s.Log.ErrorContext(r.Context(), "error page not rendered", slog.Any("error", err))
		http.Error(w, refusal.Message, status)
	}
}

// wayOn gives an error page's heading, and its one way on.
func wayOn(status int, path string) (string, string, string) {
	switch status {
	case http.StatusForbidden:
		return "Not for your role", "Back to your work", "/"
	case http.StatusNotFound:
		return "Nothing here", "Back to your work", "/"
	case http.StatusTooManyRequests:
		return "Too often", "Try again", path
	case http.StatusServiceUnavailable:
		return "Away for a moment", "Try again", path
	case http.StatusInternalServerError:
		return "Our fault", "Back to your work", "/"
	default:
		return "That did not work", "Back to your work", "/"
	}
}

// sendToLogin shows a browser the login, and remembers where it wanted to go.
func sendToLogin(w http.ResponseWriter, r *http.Request) {
	next := r.URL.RequestURI()
	switch {
	case fromPage(r):
		next = pathOf(r.Header.Get("HX-Current-URL"))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		next = ""
	}
	lead(w, r, http.StatusUnauthorized, loginPath(next))
}

// lead sends a browser to another page in place of an answer with the status. Where htmx asks, for a part of a page, it is
// told to leave the page: it would put the other one into the middle of it.
func lead(w http.ResponseWriter, r *http.Request, status int, path string) {
	if fromPage(r) {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(status)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // loginPath and pathOf give own paths only
}

// fromPage reports whether htmx asks.
func fromPage(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

func loginPath(next string) string {
	if next = ownPath(next); next == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(next)
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/"
	}
	return u.RequestURI()
}

// ownPath gives path where it is a page of ours, and the start page otherwise. Browsers read \ as /, drop tabs and line
// ends, and take two slashes for another host: none of that passes.
func ownPath(path string) string {
	u, err := url.Parse(path)
	odd := strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' })
	if err != nil || odd || u.IsAbs() || u.Host != "" || u.Opaque != "" ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || isAccess(u.Path) {
		return "/"
	}
	return path
}

// isAccess reports whether a path is a step of logging in or out, to which no login leads.
func isAccess(path string) bool {
	cleaned := pathpkg.Clean(path)
	return cleaned == "/login" || cleaned == "/logout" || strings.HasPrefix(cleaned, "/login/")
}
