package server

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/weight"
)

// Frame is what the layout around every page shows. Each page's struct embeds it.
type Frame struct {
	Title     string       // of the page, for the browser's tab
	Here      string       // the place in the navigation that is marked, such as "scan"
	Actor     *authz.Actor // nil when nobody is logged in
	Unread    int          // notices that were not read
	Banner    *Banner      // nil for none
	RequestID string
	Theme     string         // "light", "dark", or "" for what the device prefers
	Query     string         // what stands in the search box
	Location  *time.Location // the organization's time zone
	Live      bool           // whether the page listens to live events
}

// Banner is the message under the header, with one way to act on it.
type Banner struct{ Kind, Text, Action, Href string }

// frame makes a page's frame: here is its place in the navigation, or empty for none.
func (s *Server) frame(r *http.Request, title, here string) Frame {
	return Frame{
		Title: title, Here: here, Actor: somebody(r.Context()), RequestID: requestID(r.Context()),
		Theme: theme(r), Query: clip(r.URL.Query().Get("q")), Location: s.location(r),
		Banner: banner(r), Unread: s.unread(r),
	}
}

func theme(r *http.Request) string {
	c, err := r.Cookie("traitortrack_theme")
	if err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// funcs are the words that templates know beside Go's own. Times need the organization's zone: {{at $.Location .At}}.
func funcs(a *assets) template.FuncMap {
	return template.FuncMap{
		"asset":      a.url,
		"icon":       a.icon,
		"kg":         func(g weight.Grams) string { return g.String() + " kg" },
		"at":         func(in *time.Location, t time.Time) string { return t.In(in).Format("15:04") },
		"stamp":      func(in *time.Location, t time.Time) string { return t.In(in).Format("2 Jan 2006, 15:04") },
		"exact":      func(in *time.Location, t time.Time) string { return t.In(in).Format("2 Jan 2006, 15:04:05.000 MST") },
		"words":      words,
		"machine":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"nano":       func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"pathEscape": url.PathEscape,
		"count":      count,
		"can":        func(who *authz.Actor, action string) bool { return who != nil && who.Can(authz.Action(action)) },
		"dict":       dict,
		"codes":      codes,
		"paragraphs": paragraphs,
		"noticeIcon": noticeIcon,
		"longFor":    longFor,
	}
}

// paragraphs are the parts of a text that empty lines part.
func paragraphs(text string) []string { return strings.Split(strings.TrimSpace(text), "\n\n") }

// codes sets what stands between backticks as code, as the API's document means it.
func codes(text string) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(text), "`")
	if len(parts)%2 == 0 { // one backtick has no other
		return template.HTML(strings.Join(parts, "`")) //nolint:gosec // the text is escaped above
	}
	for i := 1; i < len(parts); i += 2 {
		parts[i] = `<code class="code">` + parts[i] + "</code>"
	}
	return template.HTML(strings.Join(parts, "")) //nolint:gosec // the text is escaped above
}

// count writes a whole number with commas between the thousands: 1,234,567.
func count(n any) (string, error) {
	digits := fmt.Sprint(n)
	if _, err := strconv.ParseInt(digits, 10, 64); err != nil {
		return "", fmt.Errorf("count %v: %w", n, err)
	}
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits, nil
}

// dict makes a map of names and values, for templates that need more than one value.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict takes names and values in turn")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
