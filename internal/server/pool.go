package server

import (
	"context"
	"encoding/csv"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
	"traitortrack/internal/pool"
)

// poolPage is the pool dashboard around the part that is live.
type poolPage struct {
	Frame
	Seen  string
	Board template.HTML
	Done  string // what was done to a backend a moment ago: canceled, ended, or nothing
}

// poolBoard is the live part of the pool dashboard.
type poolBoard struct {
	Location *time.Location
	pool.Sample
	Chart        poolChart
	RecentWaits  int64         // within the chart
	RecentWaited time.Duration // within the chart, together
	Pools        []pool.Named
	Backends     []pool.Backend
	Away         bool // the backends could not be read
}

func (s *Server) poolPage(w http.ResponseWriter, r *http.Request) error {
	shown, err := s.livePool.get(r.Context(), actorFrom(r.Context()).OrgID)
	if err != nil {
		return err
	}
	p := poolPage{Frame: s.frame(r, "Pool", "pool"), Seen: shown.id, Board: shown.html, Done: r.URL.Query().Get("done")}
	p.Live = true
	return s.render(w, r, http.StatusOK, "pool", p)
}

// paintPool renders the live part, with times as an organization tells them. It waits for the database as long as the reserve
// lets it, and shows the pool in any case.
func (s *Server) paintPool(ctx context.Context, orgID int64) ([]byte, error) {
	ctx = pg.Reserved(ctx)
	b := poolBoard{Location: time.UTC, Pools: s.Pool.Pools()}
	if organization, err := s.Orgs.Get(ctx, orgID); err == nil {
		b.Location = organization.Location
	}
	samples := s.Pool.Samples()
	if len(samples) > 0 {
		first, last := samples[0], samples[len(samples)-1]
		b.Sample, b.RecentWaits, b.RecentWaited = last, last.Waits-first.Waits, last.Waited-first.Waited
	}
	b.Chart = poolChartOf(samples)
	backends, err := s.Backends.List(ctx, authz.Actor{OrgID: orgID, Role: authz.Admin}) // only admins get to see what is painted
	b.Backends, b.Away = backends, err != nil
	return s.paint("pool#board", b)
}

// Advice says in a sentence what the band asks for.
func (b poolBoard) Advice() string {
	switch b.Band() {
	case pool.Warning:
		return "Watch it. If it stays here, plan for more connections or fewer long statements."
	case pool.Critical:
		return "Look for the cause within a quarter of an hour: long statements and waiting transactions are listed below."
	case pool.Danger:
		return "Act now: people are waiting for a connection. Stop what holds them up below. If nothing does, the load is real: measure before you enlarge the pool."
	default:
		return "There is room. Nothing to do."
	}
}

// poolSamples gives the last ten minutes as a file.
func (s *Server) poolSamples(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="pool-`+s.Now().UTC().Format("20060102-150405")+`.csv"`)
	if r.Method == http.MethodHead {
		return nil
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"at", "usage_percent", "band", "in_use", "idle", "available", "overflow", "size", "max", "waits_total", "wait_seconds_total"})
	for _, p := range s.Pool.Samples() {
		_ = out.Write([]string{p.At.UTC().Format(time.RFC3339), strconv.FormatFloat(p.Usage(), 'f', 1, 64), string(p.Band()),
			strconv.Itoa(p.InUse), strconv.Itoa(p.Idle), strconv.Itoa(p.Available()), strconv.Itoa(p.Overflow()), strconv.Itoa(p.Size), strconv.Itoa(p.Max),
			strconv.FormatInt(p.Waits, 10), strconv.FormatFloat(p.Waited.Seconds(), 'f', 3, 64)})
	}
	out.Flush() // a reader who went away needs no answer
	return nil
}

// poolBody is the pool as the API tells it.
type poolBody struct {
	At          time.Time     `json:"at"`
	Usage       float64       `json:"usage_percent"`
	Band        pool.Band     `json:"band"`
	InUse       int           `json:"in_use"`
	Idle        int           `json:"idle"`
	Available   int           `json:"available"`
	Overflow    int           `json:"overflow"`
	Size        int           `json:"size"`
	Max         int           `json:"max"`
	Waits       int64         `json:"waits_total"`
	WaitSeconds float64       `json:"wait_seconds_total"`
	Backends    []backendBody `json:"backends"`
}

type backendBody struct {
	PID         int32     `json:"pid"`
	Began       time.Time `json:"began"`
	Username    string    `json:"database_user"`
	Application string    `json:"application"`
	State       string    `json:"state"`
	Seconds     float64   `json:"seconds"`
	Query       string    `json:"query"`
}

func (s *Server) getPool(w http.ResponseWriter, r *http.Request) error {
	now, _ := s.Pool.Latest() // before the first sample, everything is 0
	body := poolBody{At: now.At, Usage: now.Usage(), Band: now.Band(), InUse: now.InUse, Idle: now.Idle, Available: now.Available(), Overflow: now.Overflow(),
		Size: now.Size, Max: now.Max, Waits: now.Waits, WaitSeconds: now.Waited.Seconds(), Backends: []backendBody{}}
	backends, err := s.Backends.List(r.Context(), actorFrom(r.Context()))
	if err != nil {
		return err
	}
	for _, b := range backends {
		body.Backends = append(body.Backends, backendBody{PID: b.PID, Began: b.Began, Username: b.Username, Application: b.Application,
			State: b.State, Seconds: b.For.Seconds(), Query: b.Short()})
	}
	return writeJSON(w, http.StatusOK, body)
}

// longFor writes how long something goes on: "42 s", "3 min 5 s", "2 h 10 min".
func longFor(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}
