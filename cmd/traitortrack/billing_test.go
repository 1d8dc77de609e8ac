package main

import (
	"bytes"
	"strings"
	"testing"

	"traitortrack/internal/config"
	"traitortrack/internal/pgtest"
)

func TestSetBilling(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	first := pgtest.Org(t, db)
	set := func(args ...string) (string, error) {
		var out bytes.Buffer
		e := config.Environment{"DATABASE_URL": url, "REDIS_URL": pgtest.Redis(t)}
		err := run(t.Context(), append([]string{"org", "set-billing"}, args...), &world{environment: e, out: &out})
		return out.String(), err
	}
	out, err := set("--standing", "past_due", "--since", "2099-11-20", "--grace-days", "5")
	if err != nil || !strings.Contains(out, "past due") || !strings.Contains(out, "until the end of Wednesday, 25 November 2099") {
		t.Errorf("past due: %q, %v", out, err)
	}
	if out, err = set("--standing", "trialing", "--trial-ends", "2099-12-31"); err != nil || !strings.Contains(out, "31 December 2099") {
		t.Errorf("on trial: %q, %v", out, err)
	}
	var standing string
	if err := db.Pool().QueryRow(t.Context(), "SELECT standing FROM billing WHERE org_id = $1", first).Scan(&standing); err != nil || standing != "trialing" {
		t.Errorf("stored: %q, %v", standing, err)
	}
	for _, wrong := range [][]string{{"--standing", "free"}, {"--standing", "trialing"}, {"--standing", "past_due", "--since", "yesterday"}, {"--standing", "active", "--org", "Nobody's"}} {
		if out, err := set(wrong...); err == nil {
			t.Errorf("%v was taken: %q", wrong, out)
		}
	}
	pgtest.Org(t, db)
	if _, err := set("--standing", "active"); err == nil || !strings.Contains(err.Error(), "--org") {
		t.Errorf("two organizations and no name: %v", err)
	}
}
