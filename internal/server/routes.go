package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"traitortrack/internal/authz"
)

// handler answers one request, or gives the error for which the door in errors.go answers.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one line of the table: what is asked, who may ask, and who answers.
type route struct {
	method, pattern string
	action          authz.Action
	handle          handler
}

// Two accesses beside the actions: public knows the session but needs none, and bare does not even look for one.
const (
	public authz.Action = "public"
	bare   authz.Action = "bare"
)

// routes is the whole table. HEAD is served wherever GET is.
func (s *Server) routes() []route {
	return slices.Concat(s.workRoutes(), s.overviewRoutes(), s.officeRoutes())
}

// overviewRoutes look at the whole, and find things in it.
func (s *Server) overviewRoutes() []route {
	return []route{
		{"GET", "/dashboard", authz.Scan, s.dashboardPage},
		{"GET", "/dashboard/events", authz.Scan, s.dashboardEvents},
		{"GET", "/search", authz.Scan, s.search},
		{"GET", "/api/stats", authz.Scan, s.stats},
		{"GET", "/api/search", authz.Scan, s.apiSearch},
	}
}

// officeRoutes are for those who run the organization.
func (s *Server) officeRoutes() []route {
	return []route{
		{"GET", "/settings", authz.Users, s.settings},
		{"POST", "/settings", authz.Users, s.changeSettingsForm},
		{"GET", "/api/settings", authz.Users, s.getSettings},
		{"PUT", "/api/settings", authz.Users, s.putSettings},

		{"GET", "/billing", authz.Users, s.billing},
		{"GET", "/api/billing", authz.Users, s.getBilling},
	}
}

// workRoutes are for everyday.
func (s *Server) workRoutes() []route {
	return []route{
		{"GET", "/health", bare, s.alive},
		{"GET", "/healthz", bare, s.ready},
		{"GET", "/static/*", bare, s.asset},
		{"GET", "/favicon.ico", bare, s.favicon},

		{"GET", "/", authz.Self, s.home},
		{"GET", "/login", public, s.loginForm},
		{"POST", "/login", public, s.login},
		{"GET", secondPath, public, s.secondForm},
		{"POST", secondPath, public, s.second},
		{"POST", "/logout", public, s.logout},
		{"POST", "/api/login", public, s.apiLogin},
		{"POST", "/api/logout", authz.Self, s.apiLogout},

		{"GET", "/scan", authz.Scan, s.scanPage},
		{"POST", "/api/scans", authz.Scan, s.scan},
		{"POST", "/api/scans/batch", authz.Scan, s.scanBatch},

		{"GET", "/bags", authz.Scan, s.bagsPage},
		{"GET", "/bags/{code}", authz.Scan, s.bagPage},
		{"GET", "/api/bags", authz.Scan, s.listBags},
		{"GET", "/api/bags/{code}", authz.Scan, s.getBag},
		{"DELETE", "/api/bags/{code}", authz.DeleteBag, s.deleteBag},
		{"GET", "/api/bags/{code}/history", authz.Scan, s.bagHistory},
		{"DELETE", "/api/bags/{code}/parent", authz.Undo, s.unlink},
		{"POST", "/api/bags/{code}/close", authz.CloseParent, s.closeParent},
		{"POST", "/api/bags/{code}/reopen", authz.CloseParent, s.reopenParent},

		{"GET", "/bills", authz.Bill, s.billsPage},
		{"POST", "/bills", authz.Bill, s.createBillForm},
		{"GET", "/bills/{number}", authz.Bill, s.billPage},
		{"POST", "/bills/{number}", authz.Bill, s.editBillForm},
		{"GET", "/bills/{number}/live", authz.Bill, s.billLive},
		{"POST", "/bills/{number}/bags", authz.Bill, s.addToBillForm},
		{"POST", "/bills/{number}/bags/{code}/remove", authz.Bill, s.removeFromBillForm},
		{"POST", "/bills/{number}/complete", authz.Bill, s.completeBillForm},
		{"POST", "/bills/{number}/reopen", authz.Bill, s.reopenBillForm},
		{"POST", "/bills/{number}/delete", authz.DeleteBill, s.deleteBillForm},
		{"GET", "/api/bills", authz.Bill, s.listBills},
		{"POST", "/api/bills", authz.Bill, s.createBill},
		{"GET", "/api/bills/{number}", authz.Bill, s.getBill},
		{"PATCH", "/api/bills/{number}", authz.Bill, s.editBill},
		{"DELETE", "/api/bills/{number}", authz.DeleteBill, s.deleteBill},
		{"GET", "/api/bills/{number}/bags", authz.Bill, s.billBags},
		{"POST", "/api/bills/{number}/bags", authz.Bill, s.addToBill},
		{"DELETE", "/api/bills/{number}/bags/{code}", authz.Bill, s.removeFromBill},
		{"POST", "/api/bills/{number}/complete", authz.Bill, s.completeBill},
		{"POST", "/api/bills/{number}/reopen", authz.Bill, s.reopenBill},

		{"GET", "/api/openapi.json", public, s.openAPI},
		{"GET", docsPath, public, s.docsPage},
	}
}

// router puts the table behind the chain. The order matters: what is refused early costs least.
func (s *Server) router() http.Handler {
	mux := chi.NewRouter()
	mux.Use(s.Requests.Middleware, s.identifyRequest, s.rescue, secure, s.refuseCrossSite, limitBody, compress())
	mux.NotFound(s.known(s.limit("", s.answer(public, notFound))).ServeHTTP)
	mux.MethodNotAllowed(s.known(s.limit("", s.answer(public, wrongMethod))).ServeHTTP)
	for _, rt := range s.routes() {
		h := s.answer(rt.action, rt.handle)
		switch {
		case rt.action == bare:
		case strings.HasSuffix(rt.pattern, "/events"):
			h = s.watched(s.gate(gateClassOf(rt), s.limit(rt.pattern, h)))
		default:
			h = s.known(s.gate(gateClassOf(rt), s.limit(rt.pattern, h)))
		}
		mux.Method(rt.method, rt.pattern, h)
		if rt.method == http.MethodGet {
			mux.Method(http.MethodHead, rt.pattern, h)
		}
	}
	return mux
}

// answer lets in whom the action allows, calls the handler, and shows any error to the door.
func (s *Server) answer(action authz.Action, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := admit(r.Context(), action)
		if err == nil {
			err = handle(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}
