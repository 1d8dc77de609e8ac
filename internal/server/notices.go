package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
	"traitortrack/internal/page"
)

// unreadBudget is what a page waits for the count of notices. A page without it is better than one that comes late.
const unreadBudget = 250 * time.Millisecond

// unread counts the notices for the bell above a page. Where that takes too long, there seem to be none: the page is about
// something else.
func (s *Server) unread(r *http.Request) int {
	who := somebody(r.Context())
	if who == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(r.Context(), unreadBudget)
	defer cancel()
	n, err := s.Notices.Unread(ctx, *who)
	if err != nil {
		return 0
	}
	return n
}

type noticeJSON struct {
	ID        int64     `json:"id"`
	Kind      string    `json:"kind"`
	Message   string    `json:"message"`
	Link      *string   `json:"link"`
	Read      bool      `json:"read"`
	CreatedAt time.Time `json:"created_at"`
}

func showNotice(n notify.Received) noticeJSON {
	shown := noticeJSON{ID: n.ID, Kind: string(n.Kind), Message: n.Message, Read: n.Read, CreatedAt: n.At}
	if n.Link != "" {
		shown.Link = &n.Link
	}
	return shown
}

func (s *Server) listNotices(w http.ResponseWriter, r *http.Request) error {
	list, err := s.readNotices(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listOf(list, showNotice))
}

func (s *Server) readNotices(r *http.Request) (page.List[notify.Received], error) {
	limit, err := page.Limit(r.URL.Query().Get("limit"))
	if err != nil {
		return page.List[notify.Received]{}, err
	}
	return s.Notices.List(r.Context(), actorFrom(r.Context()), limit, r.URL.Query().Get("cursor"))
}

// markRead marks notices read: some by their ids, or all up to one that was seen.
func (s *Server) markRead(w http.ResponseWriter, r *http.Request) error {
	var sent struct {
		IDs  []int64 `json:"ids"`
		UpTo int64   `json:"up_to"`
	}
	if err := decode(r, &sent); err != nil {
		return err
	}
	if (sent.IDs == nil) == (sent.UpTo == 0) || len(sent.IDs) > page.MaxLimit {
		return errs.Field("ids", "invalid_notices", "Send either ids, at most %d of them, or up_to, the newest notice that was seen.", page.MaxLimit)
	}
	who := actorFrom(r.Context())
	var err error
	if sent.IDs != nil {
		err = s.Notices.MarkRead(r.Context(), who, sent.IDs)
	} else {
		err = s.Notices.MarkReadUpTo(r.Context(), who, sent.UpTo)
	}
	if err != nil {
		return err
	}
	unread, err := s.Notices.Unread(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"unread": unread})
}

// noticesPage is what somebody was told, the newest first.
type noticesPage struct {
	Frame
	Notices []notify.Received
	Newest  int64 // on the first page, 0 on others
	Next    string
	First   string
}

func (s *Server) noticesPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.readNotices(r)
	if err != nil {
		return err
	}
	p := noticesPage{Frame: s.frame(r, "Notices", "notifications"), Notices: list.Items, Next: nextHref(r.URL, list.Next)}
	switch {
	case r.URL.Query().Get("cursor") != "":
		p.First = nextHref(r.URL, "-")
	case len(list.Items) > 0:
		p.Newest = list.Items[0].ID
	}
	return s.render(w, r, http.StatusOK, "notifications", p)
}

// openNotice marks a notice read, and goes where it leads.
func (s *Server) openNotice(w http.ResponseWriter, r *http.Request) error {
	id, _ := strconv.ParseInt(pathValue(r, "id"), 10, 64) // what is no number is nobody's notice
	link, err := s.Notices.Open(r.Context(), actorFrom(r.Context()), id)
	if err != nil {
		return err
	}
	if link == "" {
		link = "/notifications"
	}
	return seeOther(w, r, ownPath(link))
}

func (s *Server) markReadForm(w http.ResponseWriter, r *http.Request) error {
	newest, _ := strconv.ParseInt(r.PostForm.Get("up_to"), 10, 64) // what is no number is older than all
	if err := s.Notices.MarkReadUpTo(r.Context(), actorFrom(r.Context()), newest); err != nil {
		return err
	}
	return seeOther(w, r, "/notifications")
}

// noticeIcon is the picture beside a notice.
func noticeIcon(kind notify.Kind) string {
	switch kind {
	case notify.BillCompleted:
		return "bill"
	case notify.PromotionAsked, notify.PromotionAnswered:
		return "user"
	case notify.AccountLocked, notify.TwoFactorOff:
		return "lock"
	case notify.ImportFinished:
		return "upload"
	case notify.MailRefused:
		return "mail"
	case notify.PoolAlert:
		return "warning"
	default:
		return "info"
	}
}
