package server

import (
	"net/http"
	"net/url"

	"traitortrack/internal/authz"
	"traitortrack/internal/report"
)

// searchPage offers what a search has found, where that is not the one thing that was meant.
type searchPage struct {
	Frame
	Asked  string
	Places []placeLink
}

// placeLink is a place with the way to it. There is none to a bill for those who may not open bills.
type placeLink struct {
	report.Place
	Href string
}

// placeJSON is a place as the API shows it.
type placeJSON struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Path   string `json:"path,omitempty"`
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	places, exact, err := s.locate(r)
	if err != nil {
		return err
	}
	if exact && places[0].Href != "" {
		return seeOther(w, r, places[0].Href)
	}
	p := searchPage{Frame: s.frame(r, "Search", ""), Asked: clip(r.URL.Query().Get("q")), Places: places}
	return s.render(w, r, http.StatusOK, "search", p)
}

func (s *Server) apiSearch(w http.ResponseWriter, r *http.Request) error {
	places, exact, err := s.locate(r)
	if err != nil {
		return err
	}
	items := make([]placeJSON, len(places))
	for i, p := range places {
		items[i] = placeJSON{Kind: p.Kind, Name: p.Name, Status: p.Status, Path: p.Href}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"exact": exact, "items": items})
}

// locate finds what a request asks for, with the ways to it, and whether the first of them is the one that was meant.
func (s *Server) locate(r *http.Request) ([]placeLink, bool, error) {
	actor := actorFrom(r.Context())
	found, err := s.Reports.Locate(r.Context(), actor, r.URL.Query().Get("q"))
	if err != nil {
		return nil, false, err
	}
	links := make([]placeLink, len(found.Places))
	for i, p := range found.Places {
		links[i] = placeLink{Place: p}
		switch {
		case p.Kind != "bill":
			links[i].Href = "/bags/" + url.PathEscape(p.Name)
		case actor.Can(authz.Bill):
			links[i].Href = "/bills/" + url.PathEscape(p.Name)
		}
	}
	return links, found.Exact, nil
}
