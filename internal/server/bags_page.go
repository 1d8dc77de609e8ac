package server

import (
	"net/http"
	"net/url"

	"traitortrack/internal/bag"
	"traitortrack/internal/page"
)

// bagsPage is the list of bags, with its filters as they stand in the address.
type bagsPage struct {
	Frame
	Filter bag.Filter
	Chips  []chip
	Bags   []bag.Bag
	Next   string // address of the next page, empty at the end
	First  string // address of the first page, empty on it
}

// chip is one choice of a filter, as a link.
type chip struct {
	Label, Href string
	On          bool
}

// bagPage is one bag: what it is, where it is, and its story.
type bagPage struct {
	Frame
	Bag     bag.Bag
	Filled  int // percent of the capacity
	Story   []storyLine
	Earlier string // address of the earlier events, empty at the beginning
}

func (s *Server) bagsPage(w http.ResponseWriter, r *http.Request) error {
	filter, err := bagFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := s.Bags.List(r.Context(), actorFrom(r.Context()), filter)
	if err != nil {
		return err
	}
	p := bagsPage{Frame: s.frame(r, "Bags", "bags"), Filter: filter, Bags: list.Items, Chips: bagChips(filter)}
	p.Next = nextHref(r.URL, list.Next)
	if filter.Cursor != "" {
		p.First = nextHref(r.URL, "-")
	}
	return s.render(w, r, http.StatusOK, "bags", p)
}

func (s *Server) bagPage(w http.ResponseWriter, r *http.Request) error {
	actor, raw := actorFrom(r.Context()), pathValue(r, "code")
	b, err := s.Bags.Find(r.Context(), actor, raw)
	if err != nil {
		return err
	}
	story, err := s.Bags.History(r.Context(), actor, raw, r.URL.Query().Get("cursor"), page.DefaultLimit)
	if err != nil {
		return err
	}
	p := bagPage{Frame: s.frame(r, b.Code, "bags"), Bag: b, Story: tell(b.Code, story.Items), Earlier: nextHref(r.URL, story.Next)}
	if b.Capacity > 0 {
		p.Filled = 100 * len(b.Children) / b.Capacity
	}
	return s.render(w, r, http.StatusOK, "bag", p)
}

// bagFilter reads a list's filter from the address; the store judges its values.
func bagFilter(q url.Values) (bag.Filter, error) {
	limit, err := page.Limit(q.Get("limit"))
	return bag.Filter{Kind: q.Get("kind"), Status: q.Get("status"), Q: q.Get("q"), Cursor: q.Get("cursor"), Limit: limit}, err
}

func bagChips(f bag.Filter) []chip {
	choices := []struct{ label, kind, status string }{
		{"All", "", ""}, {"Parents", "parent", ""}, {"Empty", "parent", "pending"}, {"Filling", "parent", "in_progress"},
		{"Completed", "parent", "completed"}, {"Children", "child", ""}, {"Linked", "child", "linked"}, {"Taken out", "child", "unlinked"},
	}
	chips := make([]chip, len(choices))
	for i, c := range choices {
		q := url.Values{}
		for name, value := range map[string]string{"kind": c.kind, "status": c.status, "q": f.Q} {
			if value != "" {
				q.Set(name, value)
			}
		}
		chips[i] = chip{Label: c.label, Href: href("/bags", q), On: f.Kind == c.kind && f.Status == c.status}
	}
	return chips
}

// href is an own path with a query, where there is one.
func href(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// nextHref is the same list from another cursor: "-" is its beginning, and none is no page at all.
func nextHref(u *url.URL, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := u.Query()
	if q.Del("cursor"); cursor != "-" {
		q.Set("cursor", cursor)
	}
	return href(u.EscapedPath(), q)
}
