package server

import (
	"context"
	"html/template"
	"net/http"

	"traitortrack/internal/report"
)

// dashboardPage is the dashboard around the part that is live.
type dashboardPage struct {
	Frame
	Seen  string // id of the snapshot in Board
	Board template.HTML
}

// dashboardBoard is the live part of the dashboard. It is the same for everybody of an organization.
type dashboardBoard struct {
	report.Dashboard
	Chart chart
}

func (s *Server) dashboardPage(w http.ResponseWriter, r *http.Request) error {
	shown, err := s.live.get(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	p := dashboardPage{Frame: s.frame(r, "Dashboard", "dashboard"), Seen: shown.id, Board: shown.html}
	p.Live = true
	return s.render(w, r, http.StatusOK, "dashboard", p)
}

func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	stats, err := s.Reports.Stats(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, stats)
}

// paintDashboard renders the live part for an organization.
func (s *Server) paintDashboard(ctx context.Context, orgID int64) ([]byte, error) {
	d, err := s.Reports.Dashboard(ctx, orgID)
	if err != nil {
		return nil, err
	}
	return s.paint("dashboard#board", dashboardBoard{Dashboard: d, Chart: chartOf(d.Hours)})
}

// total is one of the numbers on top.
type total struct {
	Name, Icon    string
	Total, Change int64 // Change is what today has added
	Below         string
}

// Totals are the numbers on top.
func (b dashboardBoard) Totals() ([]total, error) {
	st := b.Stats
	var words []string
	for _, n := range []int64{st.Bags.Parents, st.Bags.Children, st.Bills.Completed, st.Scans.LastDay} {
		word, err := count(n)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return []total{
		{"Bags", "bags", st.Bags.Total, b.Today.Bags, words[0] + " parents · " + words[1] + " children"},
		{"Children in parents", "child", st.Links, b.Today.Links, "what is packed now"},
		{"Open bills", "bill", st.Bills.New + st.Bills.Processing, b.Today.OpenBills, words[2] + " completed"},
		{"Scans", "scan", st.Scans.Total, b.Today.Scans, words[3] + " in 24 hours"},
	}, nil
}
