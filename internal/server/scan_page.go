package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"traitortrack/internal/bag"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
)

// recentScans is how many of the last scans the page shows.
const recentScans = 10

// scanPage is the dispatcher's page as it is before its script takes over: the parent being filled, and the last scans.
type scanPage struct {
	Frame
	station
	Parent  bag.Bag // the zero one when none is being filled
	Asks    string  // what to scan first
	Formats string  // the organization's formats of parents as JSON, for the script
	Recent  []scanRow
}

// station is what the script of a scanning page must know of who scans, and when.
type station struct {
	User int64
	Name string
	Zone string // of the organization's time
	Now  time.Time
}

// scanRow is one of the last scans, with the word and the text of its answer.
type scanRow struct {
	bag.Event
	Tone, Word, Text string
}

// scanPage shows the page. The parent being filled stands in the address, so that each tab has its own.
func (s *Server) scanPage(w http.ResponseWriter, r *http.Request) error {
	actor := actorFrom(r.Context())
	formats, err := s.Orgs.Formats(r.Context(), actor.OrgID)
	if err != nil {
		return err
	}
	parent, err := s.parentToFill(r, formats)
	if err != nil {
		return err
	}
	recent, err := s.Bags.Recent(r.Context(), actor, recentScans)
	if err != nil {
		return err
	}
	p := scanPage{Frame: s.frame(r, "Scan", "scan"), Parent: parent, Asks: "Scan a parent to open it.", Recent: rowsOf(recent)}
	if parent.Code != "" {
		p.Asks = "Scan a child, or another parent."
	}
	p.station = s.station(r, p.Frame)
	if p.Formats, err = formatsJSON(formats); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "scan", p)
}

func (s *Server) station(r *http.Request, f Frame) station {
	actor := actorFrom(r.Context())
	return station{User: actor.UserID, Name: actor.Username, Zone: f.Location.String(), Now: s.Now()}
}

// parentToFill gives the parent that the address names. One that nobody has scanned yet is empty; what is no parent's code is
// left out, since the page itself asks for a parent then.
func (s *Server) parentToFill(r *http.Request, formats code.Formats) (bag.Bag, error) {
	named := code.Normalise(r.URL.Query().Get("parent"))
	kind, format, ok := formats.Recognise(named)
	if !ok || kind != code.Parent {
		return bag.Bag{}, nil
	}
	b, err := s.Bags.Find(r.Context(), actorFrom(r.Context()), named)
	if refused := errs.As(err); refused != nil && refused.Kind == errs.NotFound {
		return bag.Bag{Code: named, Kind: string(kind), Status: "pending", Capacity: format.Capacity}, nil
	}
	return b, err
}

// formatsJSON gives what the script needs to tell parents' codes apart, so that a scan names its parent even before the
// parent's own scan is answered.
func formatsJSON(formats code.Formats) (string, error) {
	type format struct {
		Pattern  string `json:"pattern"`
		Capacity int    `json:"capacity"`
	}
	shown := []format{}
	for _, f := range formats.All() {
		shown = append(shown, format{f.Pattern, f.Capacity})
	}
	text, err := json.Marshal(shown)
	if err != nil {
		return "", fmt.Errorf("formats as JSON: %w", err)
	}
	return string(text), nil
}

// rowsOf puts the last scans into the words that the script uses too.
func rowsOf(events []bag.Event) []scanRow {
	rows := make([]scanRow, len(events))
	for i, e := range events {
		rows[i] = scanRow{Event: e, Tone: tone(e.Event, e.Outcome)}
		rows[i].Word, rows[i].Text = inShort(e)
	}
	return rows
}

func inShort(e bag.Event) (string, string) {
	switch e.Outcome {
	case "opened", "resumed":
		return "Open", ""
	case "linked":
		return "Accepted", "Into " + e.ParentCode
	case "duplicate":
		return "Already there", "In " + e.ParentCode
	}
	return "Refused", why(e)
}
