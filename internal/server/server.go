// Package server is the edge: it reads requests, calls one verb for each, and answers with a page, with JSON or with a
// refusal. Routes and who may use them stand in routes.go, and every error leaves through errors.go.
package server

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/health"
	"traitortrack/internal/notify"
	"traitortrack/internal/obs"
	"traitortrack/internal/org"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
	"traitortrack/internal/pool"
	"traitortrack/internal/privacy"
	"traitortrack/internal/promotion"
	"traitortrack/internal/ratelimit"
	"traitortrack/internal/report"
	"traitortrack/internal/session"
)

// Deps is what the server stands on. Every field is needed unless it says otherwise.
type Deps struct {
	Pool     *pool.Watch
	Backends *pool.Backends
	System   *health.Monitor

	DB         *pg.DB
	Orgs       *org.Store
	Accounts   *account.Store
	People     *people.Store
	Bags       *bag.Store
	Bills      *bill.Store
	Reports    *report.Store
	Audit      *audit.Log
	Privacy    *privacy.Store
	Notices    *notify.Store
	Promotions *promotion.Store
	Sessions   *session.Sessions
	Prober     *Prober
	Limits     *ratelimit.Limits
	Gate       *org.Gate

	Templates fs.FS // the pages, as in web/templates
	Dist      fs.FS // the built assets with their manifest, as in web/dist
	Log       *slog.Logger
	Now       func() time.Time
	Requests  *obs.Requests // counts and logs each request; nil lets them pass unseen

	BaseURL            string         // where people reach the server, without a slash behind; empty where that is not configured
	TrustedProxies     []netip.Prefix // proxies whose X-Forwarded-For is believed; empty believes none
	AnonymizeAddresses bool           // addresses are shortened before they are written down
}

// Server answers requests. It is safe for concurrent use and starts nothing by itself: RunLive
// is for the caller to start.
type Server struct {
	Deps
	assets   *assets
	live     *live // the dashboard
	livePool *live
	pages    map[string]*view
	cross    *http.CrossOriginProtection
	api      document
	handler  http.Handler
}

// New makes a server. It proves every page's template against the struct that fills it, and reports assets that are not
// built, so that a broken page stops the start and not a request.
func New(d Deps) (*Server, error) {
	s := &Server{Deps: d, cross: http.NewCrossOriginProtection()}
	s.live, s.livePool = newLive(s.paintDashboard, d.Now), newLive(s.paintPool, d.Now)
	var err error
	if s.assets, err = loadAssets(d.Dist); err != nil {
		return nil, err
	}
	if s.pages, err = loadPages(d.Templates, s.assets); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if s.api, err = readDocument(); err != nil {
		return nil, fmt.Errorf("the API's document: %w", err)
	}
	s.handler = s.router()
	return s, nil
}

// Handler gives the whole edge as one handler.
func (s *Server) Handler() http.Handler { return s.handler }
