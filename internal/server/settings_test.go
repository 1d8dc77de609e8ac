package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"traitortrack/internal/authz"
)

func TestSettingsByTheAPI(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin := w.as(t, authz.Admin)
	other := *admin
	other.url = w.serve(t)
	dispatcher := w.as(t, authz.Dispatcher)
	now := admin.call("GET", "/api/settings", nil)
	admin.want(now, http.StatusOK, "")
	dispatcher.want(dispatcher.call("POST", "/api/scans", map[string]any{"code": "JX00001"}), http.StatusUnprocessableEntity, "parent_required")

	formats := append(now.body["formats"].([]any), map[string]any{"name": "jute", "pattern": "JX[0-9]{5}", "capacity": 12, "child_weight_kg": 2.5})
	change := map[string]any{"version": now.body["version"], "name": "North shed", "time_zone": "Asia/Kolkata", "formats": formats}
	admin.want(admin.call("PUT", "/api/settings", change), http.StatusOK, "")
	other.want(other.call("PUT", "/api/settings", change), http.StatusConflict, "settings_stale")
	dispatcher.want(dispatcher.call("PUT", "/api/settings", change), http.StatusForbidden, "forbidden")
	dispatcher.want(dispatcher.call("GET", "/api/settings", nil), http.StatusForbidden, "forbidden")
	dispatcher.want(dispatcher.call("POST", "/api/scans", map[string]any{"code": "JX00001"}), http.StatusOK, "opened")

	again := admin.call("GET", "/api/settings", nil)
	if again.text("name") != "North shed" || len(again.body["formats"].([]any)) != 3 {
		t.Errorf("got %v", again)
	}
	change["version"], change["formats"] = again.body["version"], again.body["formats"].([]any)[:2]
	admin.want(admin.call("PUT", "/api/settings", change), http.StatusConflict, "format_conflict")
	change["formats"] = []any{map[string]any{"name": "heavy", "pattern": "HX[0-9]{5}", "capacity": 1, "child_weight_kg": 1.0005}}
	admin.want(admin.call("PUT", "/api/settings", change), http.StatusUnprocessableEntity, "invalid_settings")
}

func TestSettingsByThePage(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin := w.as(t, authz.Admin)
	if a := admin.page("/settings"); a.status != http.StatusOK || !strings.Contains(a.raw, "SB[0-9]{5,6}") || !strings.Contains(a.raw, "Asia/Kolkata") {
		t.Fatalf("got %v", a)
	}
	form := url.Values{"version": {"1"}, "name": {"South shed"}, "time_zone": {"Asia/Kolkata"},
		"format_id": {"0", "0"}, "format_name": {"bale", ""}, "format_pattern": {"BL[0-9]{4}", ""}, "format_capacity": {"six", ""}, "format_child": {"1.250", ""}}
	post := func() answer {
		return admin.send("POST", "/settings", form.Encode(), "application/x-www-form-urlencoded", "text/html")
	}
	if a := post(); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.raw, "South shed") || !strings.Contains(a.raw, `value="six"`) {
		t.Errorf("what was typed is not kept: %v", a)
	}
	form.Set("format_capacity", "6")
	if a := post(); a.status != http.StatusSeeOther || a.header.Get("Location") != "/settings?saved" {
		t.Errorf("got %v", a)
	}
	if a := post(); a.status != http.StatusConflict || !strings.Contains(a.raw, "Show them as they are now") {
		t.Errorf("a stale form: %v", a)
	}
	now := admin.call("GET", "/api/settings", nil)
	if formats := now.body["formats"].([]any); len(formats) != 1 || now.text("name") != "South shed" {
		t.Errorf("got %v", now)
	}
}
