package server

import (
	"net/http"
	"net/url"
	"strings"

	"traitortrack/internal/audit"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
)

// auditPage is the audit log, with its filter as it was typed.
type auditPage struct {
	Frame
	Typed      auditTyped
	Actions    []string // those to choose from
	Lines      []auditLine
	Next       string      // address of the next page, empty at the end
	First      string      // address of the first page, empty on it
	CSV, JSONL string      // addresses of what is shown, as files
	Refused    *errs.Error // nil unless the filter was refused
}

// auditTyped is what stands in the form.
type auditTyped struct{ Action, User, Entity, From, To string }

// Any reports whether anything is filtered.
func (t auditTyped) Any() bool { return t != auditTyped{} }

// auditLine is one event, and what it changed.
type auditLine struct {
	audit.Event
	Icon, Tone string
	Did        string // the action, as people say it
	To         string // what it was done to
	Link       string // to that, empty where it has no page
	Address    string
	Facts      []audit.Change // the details, each as After
	Changes    []audit.Change
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	p := auditPage{Typed: auditTyped{Action: q.Get("action"), User: q.Get("user"), Entity: q.Get("entity"), From: q.Get("from"), To: q.Get("to")}}
	filter, err := auditFilter(q, s.location(r))
	var list page.List[audit.Event]
	if err == nil {
		list, err = s.Audit.List(r.Context(), actorFrom(r.Context()), filter)
	}
	if p.Refused = errs.As(err); err != nil && (p.Refused == nil || p.Refused.Kind != errs.Invalid) {
		return err
	}
	for _, e := range list.Items {
		p.Lines = append(p.Lines, auditLineOf(e))
	}
	if p.Next = nextHref(r.URL, list.Next); filter.Cursor != "" {
		p.First = nextHref(r.URL, "-")
	}
	return s.showAudit(w, r, p)
}

func (s *Server) showAudit(w http.ResponseWriter, r *http.Request, p auditPage) error {
	var err error
	if p.Actions, err = s.Audit.Actions(r.Context(), actorFrom(r.Context())); err != nil {
		return err
	}
	p.CSV, p.JSONL = p.Typed.export("csv"), p.Typed.export("jsonl")
	p.Frame = s.frame(r, "Audit", "audit")
	status := http.StatusOK
	if p.Refused != nil {
		status = statusOf(p.Refused.Kind)
	}
	return s.render(w, r, status, "audit", p)
}

// export is the address of what the form shows as a file.
func (t auditTyped) export(format string) string {
	q := url.Values{"format": {format}}
	for name, value := range map[string]string{"action": t.Action, "user": t.User, "entity": t.Entity, "from": t.From, "to": t.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return href("/api/audit/export", q)
}

func auditLineOf(e audit.Event) auditLine {
	l := auditLine{Event: e, Did: words(e.Action), To: e.EntityID, Facts: audit.Differences(nil, e.Details), Changes: audit.Differences(e.BeforeState, e.AfterState)}
	l.Address, _ = e.IPAddress.(string)
	l.Icon, l.Tone = auditIcon(e.Action)
	switch gone := strings.HasPrefix(e.Action, "delete_"); {
	case gone:
	case e.EntityType == "bag":
		l.Link = "/bags/" + url.PathEscape(e.EntityID)
	case e.EntityType == "bill":
		l.Link = "/bills/" + url.PathEscape(e.EntityID)
	case e.EntityType == "user" && e.EntityName != "":
		l.To = e.EntityName
	}
	return l
}

// words makes a sentence's beginning of a name: "login_failed" becomes "Login failed".
func words(name string) string {
	if factor, ok := strings.CutPrefix(name, "totp_"); ok {
		return factorWords(factor)
	}
	text := strings.ReplaceAll(name, "_", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// factorWords tells of a step of two-factor login, whose actions are named by its technique.
func factorWords(step string) string {
	switch step {
	case "enable":
		return "Two-factor login on"
	case "disable":
		return "Two-factor login off"
	case "drop":
		return "Two-factor login off, by an admin"
	case "replace":
		return "Another phone begun"
	}
	return "Two-factor login begun"
}

// auditIcon gives an action's icon and tone: what failed and what is gone must be seen among the rest.
func auditIcon(action string) (string, string) {
	switch {
	case strings.HasSuffix(action, "_failed"), strings.HasSuffix(action, "_refused"):
		return "refused", "refused"
	case action == "account_locked":
		return "lock", "refused"
	case strings.HasPrefix(action, "delete_"), strings.HasPrefix(action, "erase_"):
		return "remove", "duplicate"
	case action == "login_success":
		return "login", ""
	}
	return "note", ""
}
