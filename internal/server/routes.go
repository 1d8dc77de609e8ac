package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
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
	return slices.Concat(s.workRoutes(), s.overviewRoutes(), s.officeRoutes(), s.peopleRoutes(), s.noticeRoutes(), s.accountRoutes(), s.operateRoutes())
}

// overviewRoutes look at the whole, and find things in it.
func (s *Server) overviewRoutes() []route {
	return []route{
		{"GET", "/dashboard", authz.Scan, s.dashboardPage},
		{"GET", "/dashboard/events", authz.Scan, s.events(s.live, authz.Scan)},
		{"GET", "/search", authz.Scan, s.search},
		{"GET", "/api/stats", authz.Scan, s.stats},
		{"GET", "/api/search", authz.Scan, s.apiSearch},
	}
}

// operateRoutes are for those who keep the system running. They work on while the pool is exhausted.
func (s *Server) operateRoutes() []route {
	return []route{
		{"GET", "/pool_dashboard", authz.Operate, s.poolPage},
		{"GET", "/pool_dashboard/events", authz.Operate, s.events(s.livePool, authz.Operate)},
		{"GET", "/pool_dashboard/samples.csv", authz.Operate, s.poolSamples},
		{"GET", "/pool_dashboard/backends/{pid}", authz.Operate, s.backendPage},
		{"POST", "/pool_dashboard/backends/{pid}/cancel", authz.Operate, s.cancelBackend},
		{"POST", "/pool_dashboard/backends/{pid}/end", authz.Operate, s.endBackend},
		{"GET", "/api/pool", authz.Operate, s.getPool},

		{"GET", "/system_health", authz.Operate, s.healthPage},
		{"GET", "/api/system_health", authz.Operate, s.systemHealth},
	}
}

// officeRoutes are for those who run the organization.
func (s *Server) officeRoutes() []route {
	return []route{
		{"GET", "/settings", authz.Users, s.settings},
		{"POST", "/settings", authz.Users, s.changeSettingsForm},
		{"GET", "/api/settings", authz.Users, s.getSettings},
		{"PUT", "/api/settings", authz.Users, s.putSettings},

		{"GET", "/audit", authz.Audit, s.auditPage},
		{"GET", "/api/audit", authz.Audit, s.listAudit},
		{"GET", "/api/audit/export", authz.Audit, s.exportAudit},

		{"GET", "/billing", authz.Users, s.billing},
		{"GET", "/api/billing", authz.Users, s.getBilling},
	}
}

// peopleRoutes are about users: what an admin does for them, and how they come by a password.
func (s *Server) peopleRoutes() []route {
	return []route{
		{"GET", "/users", authz.Users, s.usersPage},
		{"POST", "/users", authz.Users, s.createUserForm},
		{"GET", "/users/{username}", authz.Users, s.userPage},
		{"POST", "/users/{username}", authz.Users, s.editUserForm},
		{"POST", "/users/{username}/deactivate", authz.Users, s.stepUserForm("deactivated", s.People.Deactivate)},
		{"POST", "/users/{username}/reactivate", authz.Users, s.stepUserForm("reactivated", s.People.Reactivate)},
		{"POST", "/users/{username}/unlock", authz.Users, s.stepUserForm("unlocked", s.People.Unlock)},
		{"POST", "/users/{username}/sessions/end", authz.Users, s.stepUserForm("ended", s.People.EndSessions)},
		{"POST", "/users/{username}/password/force", authz.Users, s.stepUserForm("forced", s.People.ForcePassword)},
		{"POST", "/users/{username}/2fa/off", authz.Users, s.stepUserForm("factor-off", s.People.DropFactor)},
		{"POST", "/users/{username}/password/link", authz.Users, s.linkUserForm},
		{"POST", "/users/{username}/tokens/{id}/revoke", authz.Users, s.revokeTokenOfForm},
		{"GET", "/api/users", authz.Users, s.listUsers},
		{"POST", "/api/users", authz.Users, s.createUser},
		{"GET", "/api/users/{username}", authz.Users, s.getUser},
		{"PATCH", "/api/users/{username}", authz.Users, s.editUser},
		{"POST", "/api/users/{username}/deactivate", authz.Users, s.stepUser(s.People.Deactivate)},
		{"POST", "/api/users/{username}/reactivate", authz.Users, s.stepUser(s.People.Reactivate)},
		{"POST", "/api/users/{username}/unlock", authz.Users, s.stepUser(s.People.Unlock)},
		{"POST", "/api/users/{username}/sessions/end", authz.Users, s.stepUser(s.People.EndSessions)},
		{"POST", "/api/users/{username}/password/force", authz.Users, s.stepUser(s.People.ForcePassword)},
		{"POST", "/api/users/{username}/2fa/off", authz.Users, s.stepUser(s.People.DropFactor)},
		{"POST", "/api/users/{username}/password/link", authz.Users, s.linkUser},
		{"GET", "/api/users/{username}/tokens", authz.Users, s.listTokensOf},
		{"DELETE", "/api/users/{username}/tokens/{id}", authz.Users, s.revokeTokenOf},

		{"POST", "/users/{username}/erase", authz.Users, s.eraseUserForm},
		{"POST", "/api/users/{username}/erase", authz.Users, s.eraseUser},
		{"GET", "/api/users/{username}/export", authz.Users, s.exportUser},
		{"GET", "/api/account/export", authz.Self, s.exportOneself},

		{"GET", passwordPath + "{token}", public, s.passwordForm},
		{"POST", passwordPath + "{token}", public, s.setPasswordForm},
		{"POST", "/api/password", public, s.setPassword},
		{"GET", "/forgot", public, s.forgotForm},
		{"POST", "/forgot", public, s.forgot},
		{"POST", "/api/password/reset", public, s.askForReset},
	}
}

// noticeRoutes are about what somebody is told, and asks for.
func (s *Server) noticeRoutes() []route {
	return []route{
		{"GET", "/notifications", authz.Self, s.noticesPage},
		{"POST", "/notifications/read", authz.Self, s.markReadForm},
		{"POST", "/notifications/{id}/open", authz.Self, s.openNotice},
		{"GET", "/api/notifications", authz.Self, s.listNotices},
		{"POST", "/api/notifications/read", authz.Self, s.markRead},

		{"GET", "/promotion", authz.Self, s.promotionPage},
		{"POST", "/promotion", authz.Self, s.askPromotionForm},
		{"POST", "/promotion/withdraw", authz.Self, s.withdrawPromotionForm},
		{"GET", "/promotions", authz.Users, s.promotionsPage},
		{"POST", "/promotions/{id}/approve", authz.Users, s.answerPromotionForm(s.Promotions.Approve)},
		{"POST", "/promotions/{id}/decline", authz.Users, s.answerPromotionForm(s.Promotions.Decline)},
		{"GET", "/api/promotion", authz.Self, s.ownPromotions},
		{"DELETE", "/api/promotion", authz.Self, s.withdrawPromotion},
		{"GET", "/api/promotions", authz.Users, s.listPromotions},
		{"POST", "/api/promotions", authz.Self, s.askPromotion},
		{"POST", "/api/promotions/{id}/approve", authz.Users, s.answerPromotion(s.Promotions.Approve)},
		{"POST", "/api/promotions/{id}/decline", authz.Users, s.answerPromotion(s.Promotions.Decline)},
	}
}

// accountRoutes are about whoever asks. The paths of password, sessions and 2fa stand in neverGated, too.
func (s *Server) accountRoutes() []route {
	return []route{
		{"GET", "/account", authz.Self, s.accountPage},
		{"GET", ownPasswordPath, authz.Self, s.ownPasswordPage},
		{"POST", ownPasswordPath, authz.Self, s.changePasswordForm},
		{"POST", "/account/sessions/end", authz.Self, s.endSessionsForm},
		{"POST", "/account/sessions/{id}/end", authz.Self, s.endSessionForm},
		{"GET", factorPath, authz.Self, s.factorPage},
		{"POST", factorPath, authz.Self, s.beginFactorForm},
		{"POST", factorPath + "/confirm", authz.Self, s.enrolForm},
		{"POST", factorPath + "/recovery", authz.Self, s.renewCodesForm},
		{"POST", factorPath + "/off", authz.Self, s.turnFactorOffForm},
		{"POST", factorPath + "/replace", authz.Self, s.replaceFactorForm},
		{"POST", "/account/tokens", authz.Self, s.createTokenForm},
		{"POST", "/account/tokens/{id}/revoke", authz.Self, s.revokeTokenForm},

		{"GET", "/api/account", authz.Self, s.getAccount},
		{"POST", "/api/account/password", authz.Self, s.changePassword},
		{"GET", "/api/account/sessions", authz.Self, s.listSessions},
		{"DELETE", "/api/account/sessions", authz.Self, s.endSessions},
		{"DELETE", "/api/account/sessions/{id}", authz.Self, s.endSession},
		{"POST", "/api/account/2fa", authz.Self, s.beginFactor},
		{"POST", "/api/account/2fa/confirm", authz.Self, s.enrol},
		{"POST", "/api/account/2fa/recovery", authz.Self, s.renewCodes},
		{"POST", "/api/account/2fa/off", authz.Self, s.turnFactorOff},
		{"POST", "/api/account/2fa/replace", authz.Self, s.replaceFactor},
		{"GET", "/api/account/tokens", authz.Self, s.listTokens},
		{"POST", "/api/account/tokens", authz.Self, s.createToken},
		{"DELETE", "/api/account/tokens/{id}", authz.Self, s.revokeToken},
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
	mux.Use(s.Requests.Middleware, s.partWays, s.identifyRequest, s.rescue, s.secure, s.refuseCrossSite, limitBody, compress())
	mux.NotFound(s.known(s.limit("", s.answer(public, notFound))).ServeHTTP)
	mux.MethodNotAllowed(s.known(s.limit("", s.answer(public, wrongMethod))).ServeHTTP)
	for _, rt := range s.routes() {
		h := s.settled(rt, s.answer(rt.action, formed(rt)))
		switch {
		case rt.action == bare:
		case strings.HasSuffix(rt.pattern, "/events"):
			h = s.watched(s.gate(gateClassOf(rt), s.limit(rt.pattern, h)))
		default:
			h = s.known(s.gate(gateClassOf(rt), s.limit(rt.pattern, h)))
		}
		if rt.action == authz.Operate {
			h = reserved(h)
		}
		mux.Method(rt.method, rt.pattern, h)
		if rt.method == http.MethodGet {
			mux.Method(http.MethodHead, rt.pattern, h)
		}
	}
	return mux
}

// reserved lets a request take its connections from the reserve.
func reserved(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(pg.Reserved(r.Context())))
	})
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
