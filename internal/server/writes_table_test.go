package server_test

import "fmt"

// writes has a request for every route that is no GET, and the action of the row that it leaves. A new route is added here.
func writes() map[string]write {
	all := map[string]write{}
	for _, some := range []map[string]write{warehouseWrites(), billWrites(), officeWrites(), userWrites(), accountWrites(), entryWrites(), promotionWrites()} {
		for route, w := range some {
			all[route] = w
		}
	}
	return all
}

func warehouseWrites() map[string]write {
	return map[string]write{
		"POST /api/scans": {aScan, func(s *scene) answer {
			return s.api("POST", "/api/scans", map[string]any{"code": fmt.Sprintf("SB%05d", s.next())})
		}},
		"POST /api/scans/batch": {aScan, func(s *scene) answer {
			return s.api("POST", "/api/scans/batch", map[string]any{"scans": []any{map[string]any{"code": fmt.Sprintf("SB%05d", s.next())}}})
		}},
		"DELETE /api/bags/{code}/parent": {"unlink", func(s *scene) answer {
			_, child := s.parent()
			return s.api("DELETE", "/api/bags/"+child+"/parent", nil)
		}},
		"POST /api/bags/{code}/close": {"close_parent", func(s *scene) answer {
			parent, _ := s.parent()
			return s.api("POST", "/api/bags/"+parent+"/close", nil)
		}},
		"POST /api/bags/{code}/reopen": {"reopen_parent", func(s *scene) answer {
			parent, _ := s.parent()
			s.admin.want(s.api("POST", "/api/bags/"+parent+"/close", nil), 200, "")
			s.prepared()
			return s.api("POST", "/api/bags/"+parent+"/reopen", nil)
		}},
		"DELETE /api/bags/{code}": {"delete_bag", func(s *scene) answer {
			_, child := s.parent()
			s.admin.want(s.api("DELETE", "/api/bags/"+child+"/parent", nil), 200, "")
			s.prepared()
			return s.api("DELETE", "/api/bags/"+child, nil)
		}},
	}
}

func billWrites() map[string]write {
	return map[string]write{
		"POST /api/bills": {"create_bill", func(s *scene) answer {
			return s.api("POST", "/api/bills", map[string]any{"number": fmt.Sprintf("B-%d", s.next()), "capacity": 1})
		}},
		"POST /bills": {"create_bill", func(s *scene) answer {
			return s.form(s.admin, "/bills", "number", fmt.Sprintf("B-%d", s.next()), "capacity", "1")
		}},
		"PATCH /api/bills/{number}": {"edit_bill", func(s *scene) answer {
			return s.api("PATCH", "/api/bills/"+s.bill(), map[string]any{"capacity": 2})
		}},
		"POST /bills/{number}": {"edit_bill", func(s *scene) answer {
			number := s.bill()
			return s.form(s.admin, "/bills/"+number, "number", number, "capacity", "3")
		}},
		"POST /api/bills/{number}/bags": {"bill_add", func(s *scene) answer {
			number := s.bill()
			parent, _ := s.parent()
			return s.api("POST", "/api/bills/"+number+"/bags", map[string]any{"code": parent})
		}},
		"POST /bills/{number}/bags": {"bill_add", func(s *scene) answer {
			number := s.bill()
			parent, _ := s.parent()
			return s.form(s.admin, "/bills/"+number+"/bags", "code", parent)
		}},
		"DELETE /api/bills/{number}/bags/{code}": {"bill_remove", func(s *scene) answer {
			number, parent := s.full()
			return s.api("DELETE", "/api/bills/"+number+"/bags/"+parent, nil)
		}},
		"POST /bills/{number}/bags/{code}/remove": {"bill_remove", func(s *scene) answer {
			number, parent := s.full()
			return s.form(s.admin, "/bills/"+number+"/bags/"+parent+"/remove")
		}},
		"POST /api/bills/{number}/complete": {"complete_bill", func(s *scene) answer {
			number, _ := s.full()
			return s.api("POST", "/api/bills/"+number+"/complete", nil)
		}},
		"POST /bills/{number}/complete": {"complete_bill", func(s *scene) answer {
			number, _ := s.full()
			return s.form(s.admin, "/bills/"+number+"/complete")
		}},
		"POST /api/bills/{number}/reopen": {"reopen_bill", func(s *scene) answer { return s.api("POST", "/api/bills/"+s.completed()+"/reopen", nil) }},
		"POST /bills/{number}/reopen":     {"reopen_bill", func(s *scene) answer { return s.form(s.admin, "/bills/"+s.completed()+"/reopen") }},
		"DELETE /api/bills/{number}":      {"delete_bill", func(s *scene) answer { return s.api("DELETE", "/api/bills/"+s.bill(), nil) }},
		"POST /bills/{number}/delete":     {"delete_bill", func(s *scene) answer { return s.form(s.admin, "/bills/"+s.bill()+"/delete") }},
	}
}

func officeWrites() map[string]write {
	return map[string]write{
		"PUT /api/settings": {"change_settings", func(s *scene) answer {
			now := s.api("GET", "/api/settings", nil)
			now.body["name"] = fmt.Sprintf("Shed %d", s.next())
			return s.api("PUT", "/api/settings", now.body)
		}},
		"POST /settings": {"change_settings", func(s *scene) answer {
			now := s.api("GET", "/api/settings", nil)
			f, _ := now.body["formats"].([]any)[0].(map[string]any)
			return s.form(s.admin, "/settings", "version", fmt.Sprint(now.body["version"]), "name", fmt.Sprintf("Shed %d", s.next()), "time_zone", "UTC", "format_id", fmt.Sprint(f["id"]),
				"format_name", "bale", "format_pattern", fmt.Sprint(f["pattern"]), "format_capacity", fmt.Sprint(f["capacity"]), "format_child", "1")
		}},
		"POST /pool_dashboard/backends/{pid}/cancel": {"cancel_backend", func(s *scene) answer {
			pid, began := s.backend()
			return s.form(s.admin, "/pool_dashboard/backends/"+pid+"/cancel", "began", began)
		}},
		"POST /pool_dashboard/backends/{pid}/end": {"end_backend", func(s *scene) answer {
			pid, began := s.backend()
			return s.form(s.admin, "/pool_dashboard/backends/"+pid+"/end", "began", began)
		}},
		// That somebody has read a notice is nothing that anybody asks about later.
		"POST /notifications/read":      {nothing, func(s *scene) answer { return s.form(s.admin, "/notifications/read", "up_to", s.notice()) }},
		"POST /notifications/{id}/open": {nothing, func(s *scene) answer { return s.form(s.admin, "/notifications/"+s.notice()+"/open") }},
		"POST /api/notifications/read": {nothing, func(s *scene) answer {
			s.notice()
			return s.api("POST", "/api/notifications/read", map[string]any{"up_to": 1_000_000})
		}},
	}
}

func userWrites() map[string]write {
	return map[string]write{
		"POST /api/users": {"create_user", func(s *scene) answer {
			return s.api("POST", "/api/users", map[string]any{"username": fmt.Sprintf("new-%d", s.next()), "role": "biller"})
		}},
		"POST /users": {"create_user", func(s *scene) answer {
			return s.form(s.admin, "/users", "username", fmt.Sprintf("new-%d", s.next()), "role", "biller")
		}},
		"PATCH /api/users/{username}": {"role_change", func(s *scene) answer {
			return s.api("PATCH", "/api/users/"+s.user(), map[string]any{"role": "biller"})
		}},
		"POST /users/{username}": {"edit_user", func(s *scene) answer {
			return s.form(s.admin, "/users/"+s.user(), "role", "dispatcher", "area", "North", "email", "")
		}},
		"POST /api/users/{username}/deactivate":     {"deactivate_user", func(s *scene) answer { return s.api("POST", "/api/users/"+s.user()+"/deactivate", nil) }},
		"POST /users/{username}/deactivate":         {"deactivate_user", func(s *scene) answer { return s.form(s.admin, "/users/"+s.user()+"/deactivate") }},
		"POST /api/users/{username}/reactivate":     {"reactivate_user", func(s *scene) answer { return s.api("POST", "/api/users/"+s.shut()+"/reactivate", nil) }},
		"POST /users/{username}/reactivate":         {"reactivate_user", func(s *scene) answer { return s.form(s.admin, "/users/"+s.shut()+"/reactivate") }},
		"POST /api/users/{username}/unlock":         {"unlock_account", func(s *scene) answer { return s.api("POST", "/api/users/"+s.locked()+"/unlock", nil) }},
		"POST /users/{username}/unlock":             {"unlock_account", func(s *scene) answer { return s.form(s.admin, "/users/"+s.locked()+"/unlock") }},
		"POST /api/users/{username}/sessions/end":   {"end_sessions", func(s *scene) answer { return s.api("POST", "/api/users/"+s.user()+"/sessions/end", nil) }},
		"POST /users/{username}/sessions/end":       {"end_sessions", func(s *scene) answer { return s.form(s.admin, "/users/"+s.user()+"/sessions/end") }},
		"POST /api/users/{username}/password/force": {"force_password", func(s *scene) answer { return s.api("POST", "/api/users/"+s.user()+"/password/force", nil) }},
		"POST /users/{username}/password/force":     {"force_password", func(s *scene) answer { return s.form(s.admin, "/users/"+s.user()+"/password/force") }},
		"POST /api/users/{username}/password/link":  {"make_password_link", func(s *scene) answer { return s.api("POST", "/api/users/"+s.user()+"/password/link", nil) }},
		"POST /users/{username}/password/link":      {"make_password_link", func(s *scene) answer { return s.form(s.admin, "/users/"+s.user()+"/password/link") }},
		"POST /api/users/{username}/2fa/off": {"totp_drop", func(s *scene) answer {
			_, name, _ := s.factored()
			return s.api("POST", "/api/users/"+name+"/2fa/off", nil)
		}},
		"POST /users/{username}/2fa/off": {"totp_drop", func(s *scene) answer {
			_, name, _ := s.factored()
			return s.form(s.admin, "/users/"+name+"/2fa/off")
		}},
		"DELETE /api/users/{username}/tokens/{id}": {"revoke_token", func(s *scene) answer {
			c, name := s.person()
			return s.api("DELETE", "/api/users/"+name+"/tokens/"+s.token(c), nil)
		}},
		"POST /users/{username}/tokens/{id}/revoke": {"revoke_token", func(s *scene) answer {
			c, name := s.person()
			return s.form(s.admin, "/users/"+name+"/tokens/"+s.token(c)+"/revoke")
		}},
		"POST /api/users/{username}/erase": {"delete_user", func(s *scene) answer {
			return s.api("POST", "/api/users/"+s.user()+"/erase", map[string]any{"reason": "asked by letter"})
		}},
		"POST /users/{username}/erase": {"delete_user", func(s *scene) answer {
			return s.form(s.admin, "/users/"+s.user()+"/erase", "reason", "asked by letter")
		}},
	}
}

func accountWrites() map[string]write {
	const other = "eleven brown bags"
	return map[string]write{
		"POST /api/account/password": {"change_password", func(s *scene) answer {
			c, _ := s.person()
			return c.call("POST", "/api/account/password", map[string]any{"password": password, "new_password": other})
		}},
		"POST /account/password": {"change_password", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/account/password", "password", password, "new_password", other, "again", other)
		}},
		"DELETE /api/account/sessions": {"end_sessions", func(s *scene) answer {
			c, _ := s.person()
			return c.call("DELETE", "/api/account/sessions", nil)
		}},
		"POST /account/sessions/end": {"end_sessions", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/account/sessions/end")
		}},
		"DELETE /api/account/sessions/{id}": {"end_session", func(s *scene) answer {
			c, name := s.person()
			return c.call("DELETE", "/api/account/sessions/"+s.elsewhere(c, name), nil)
		}},
		"POST /account/sessions/{id}/end": {"end_session", func(s *scene) answer {
			c, name := s.person()
			return s.form(c, "/account/sessions/"+s.elsewhere(c, name)+"/end")
		}},
		"POST /api/account/2fa": {"totp_begin", func(s *scene) answer {
			c, _ := s.person()
			return c.call("POST", "/api/account/2fa", nil)
		}},
		"POST /account/2fa": {"totp_begin", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/account/2fa")
		}},
		"POST /api/account/2fa/confirm": {"totp_enable", func(s *scene) answer {
			c, _ := s.person()
			return c.call("POST", "/api/account/2fa/confirm", map[string]any{"code": s.code(c)})
		}},
		"POST /account/2fa/confirm": {"totp_enable", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/account/2fa/confirm", "code", s.code(c))
		}},
		"POST /api/account/2fa/recovery": {"renew_recovery_codes", func(s *scene) answer {
			c, _, codes := s.factored()
			return c.call("POST", "/api/account/2fa/recovery", map[string]any{"code": codes[0]})
		}},
		"POST /account/2fa/recovery": {"renew_recovery_codes", func(s *scene) answer {
			c, _, codes := s.factored()
			return s.form(c, "/account/2fa/recovery", "code", fmt.Sprint(codes[0]))
		}},
		"POST /api/account/2fa/off": {"totp_disable", func(s *scene) answer {
			c, _, codes := s.factored()
			return c.call("POST", "/api/account/2fa/off", map[string]any{"password": password, "code": codes[0]})
		}},
		"POST /account/2fa/off": {"totp_disable", func(s *scene) answer {
			c, _, codes := s.factored()
			return s.form(c, "/account/2fa/off", "password", password, "code", fmt.Sprint(codes[0]))
		}},
		"POST /api/account/2fa/replace": {"totp_replace", func(s *scene) answer {
			c, _, codes := s.factored()
			return c.call("POST", "/api/account/2fa/replace", map[string]any{"password": password, "code": codes[0]})
		}},
		"POST /account/2fa/replace": {"totp_replace", func(s *scene) answer {
			c, _, codes := s.factored()
			return s.form(c, "/account/2fa/replace", "password", password, "code", fmt.Sprint(codes[0]))
		}},
		"POST /api/account/tokens": {"create_token", func(s *scene) answer {
			return s.api("POST", "/api/account/tokens", map[string]any{"name": "a program", "scopes": []string{"read"}, "days": 30})
		}},
		"POST /account/tokens": {"create_token", func(s *scene) answer {
			return s.form(s.admin, "/account/tokens", "name", "a program", "scope", "read", "days", "30")
		}},
		"DELETE /api/account/tokens/{id}":  {"revoke_token", func(s *scene) answer { return s.api("DELETE", "/api/account/tokens/"+s.token(s.admin), nil) }},
		"POST /account/tokens/{id}/revoke": {"revoke_token", func(s *scene) answer { return s.form(s.admin, "/account/tokens/"+s.token(s.admin)+"/revoke") }},
	}
}

func entryWrites() map[string]write {
	const fresh = "nine yellow bags"
	return map[string]write{
		"POST /api/login": {"login_success", func(s *scene) answer {
			return s.w.stranger(s.t).call("POST", "/api/login", map[string]any{"username": s.user(), "password": password})
		}},
		"POST /login": {"login_success", func(s *scene) answer {
			return s.form(s.w.stranger(s.t), "/login", "username", s.user(), "password", password)
		}},
		"POST /login/2fa": {"login_success", func(s *scene) answer {
			_, name, codes := s.factored()
			c := s.w.stranger(s.t)
			s.form(c, "/login", "username", name, "password", password)
			s.prepared()
			return s.form(c, "/login/2fa", "code", fmt.Sprint(codes[0]))
		}},
		"POST /api/logout": {"logout", func(s *scene) answer {
			c, _ := s.person()
			return c.call("POST", "/api/logout", nil)
		}},
		"POST /logout": {"logout", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/logout")
		}},
		"POST /forgot": {"make_password_link", func(s *scene) answer { return s.form(s.w.stranger(s.t), "/forgot", "login", s.reached()) }},
		"POST /api/password/reset": {"make_password_link", func(s *scene) answer {
			return s.w.stranger(s.t).call("POST", "/api/password/reset", map[string]any{"login": s.reached()})
		}},
		"POST /password/{token}": {"set_password", func(s *scene) answer {
			return s.form(s.w.stranger(s.t), escaped("password", s.link()), "password", fresh, "again", fresh)
		}},
		"POST /api/password": {"set_password", func(s *scene) answer {
			return s.w.stranger(s.t).call("POST", "/api/password", map[string]any{"token": s.link(), "password": fresh})
		}},
	}
}

func promotionWrites() map[string]write {
	return map[string]write{
		"POST /api/promotions": {"promotion_asked", func(s *scene) answer {
			c, _ := s.person()
			return c.call("POST", "/api/promotions", map[string]any{"role": "biller", "reason": "I bill already"})
		}},
		"POST /promotion": {"promotion_asked", func(s *scene) answer {
			c, _ := s.person()
			return s.form(c, "/promotion", "role", "biller", "reason", "I bill already")
		}},
		"DELETE /api/promotion": {"promotion_withdrawn", func(s *scene) answer {
			c, _ := s.promotion()
			return c.call("DELETE", "/api/promotion", nil)
		}},
		"POST /promotion/withdraw": {"promotion_withdrawn", func(s *scene) answer {
			c, _ := s.promotion()
			return s.form(c, "/promotion/withdraw")
		}},
		"POST /api/promotions/{id}/approve": {"role_change", func(s *scene) answer {
			_, id := s.promotion()
			return s.api("POST", "/api/promotions/"+id+"/approve", map[string]any{"note": "well done"})
		}},
		"POST /promotions/{id}/approve": {"role_change", func(s *scene) answer {
			_, id := s.promotion()
			return s.form(s.admin, "/promotions/"+id+"/approve", "note", "well done")
		}},
		"POST /api/promotions/{id}/decline": {"promotion_declined", func(s *scene) answer {
			_, id := s.promotion()
			return s.api("POST", "/api/promotions/"+id+"/decline", map[string]any{"note": "not yet"})
		}},
		"POST /promotions/{id}/decline": {"promotion_declined", func(s *scene) answer {
			_, id := s.promotion()
			return s.form(s.admin, "/promotions/"+id+"/decline", "note", "not yet")
		}},
	}
}

// reached makes a user who has a mail address, and gives it.
func (s *scene) reached() string {
	s.t.Helper()
	name := s.user()
	s.admin.want(s.api("PATCH", "/api/users/"+name, map[string]any{"email": name + "@example.org"}), 200, "")
	s.prepared()
	return name + "@example.org"
}

// shut makes a user who is deactivated.
func (s *scene) shut() string {
	s.t.Helper()
	name := s.user()
	s.admin.want(s.api("POST", "/api/users/"+name+"/deactivate", nil), 200, "")
	s.prepared()
	return name
}

// locked makes a user whose name is locked.
func (s *scene) locked() string {
	s.t.Helper()
	name := s.user()
	for range 5 {
		s.guess(name)
	}
	s.prepared()
	return name
}

// guess tries a wrong password.
func (s *scene) guess(name string) answer {
	s.t.Helper()
	return s.w.stranger(s.t).call("POST", "/api/login", map[string]any{"username": name, "password": "not their bags"})
}

// refusals are tries that are refused, and have to be seen afterwards.
func refusals() map[string]write {
	return map[string]write{
		"refused: a wrong password":       {"login_failed", func(s *scene) answer { return s.guess(s.user()) }},
		"refused: a name that nobody has": {"login_failed", func(s *scene) answer { return s.guess("nobody") }},
		"refused: an account that is shut": {"login_failed", func(s *scene) answer {
			return s.w.stranger(s.t).call("POST", "/api/login", map[string]any{"username": s.shut(), "password": password})
		}},
		"refused: a name that is locked": {"login_failed", func(s *scene) answer { return s.guess(s.locked()) }},
		"refused: the guess that locks": {"account_locked", func(s *scene) answer {
			name := s.user()
			for range 4 {
				s.guess(name)
			}
			s.prepared()
			return s.guess(name)
		}},
		"refused: a wrong code": {"login_failed", func(s *scene) answer {
			_, name, _ := s.factored()
			return s.w.stranger(s.t).call("POST", "/api/login", map[string]any{"username": name, "password": password, "code": "000000"})
		}},
		"refused: a recovery code that was used": {"login_failed", func(s *scene) answer {
			_, name, codes := s.factored()
			body := map[string]any{"username": name, "password": password, "code": codes[0]}
			s.admin.want(s.w.stranger(s.t).call("POST", "/api/login", body), 200, "")
			s.prepared()
			return s.w.stranger(s.t).call("POST", "/api/login", body)
		}},
		"refused: a wrong code at the page": {"login_failed", func(s *scene) answer {
			_, name, _ := s.factored()
			c := s.w.stranger(s.t)
			s.form(c, "/login", "username", name, "password", password)
			s.prepared()
			return s.form(c, "/login/2fa", "code", "000000")
		}},
		"asked: a link for a name that nobody has": {"reset_unknown", func(s *scene) answer {
			return s.form(s.w.stranger(s.t), "/forgot", "login", "nobody@example.org")
		}},
		"refused: a wrong code to turn two-factor login off": {"login_failed", func(s *scene) answer {
			c, _, _ := s.factored()
			return c.call("POST", "/api/account/2fa/off", map[string]any{"password": password, "code": "000000"})
		}},
	}
}
