package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// mailing is a warehouse that sends mail, as far as the outbox.
func mailing(t *testing.T) *warehouse {
	t.Helper()
	w := build(t)
	outbox, err := notify.NewOutbox(true)
	if err != nil {
		t.Fatal(err)
	}
	w.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.Accounts.Outbox = outbox })
	return w
}

// mailed gives the tokens of the mails that wait in the outbox, as sending them would make them.
func (w *warehouse) mailed(t *testing.T) []string {
	t.Helper()
	rows, err := w.db.Pool().Query(t.Context(), "SELECT (args->>'org_id')::bigint, (args->>'link_id')::bigint FROM river.river_job WHERE kind = 'mail_link' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Org, Link int64 }])
	if err != nil {
		t.Fatal(err)
	}
	var tokens []string
	for _, job := range jobs {
		err := w.db.Tx(t.Context(), func(tx pgx.Tx) error {
			link, err := notify.Mint(t.Context(), tx, job.Org, job.Link, time.Now())
			tokens = append(tokens, link.Token)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tokens
}

func TestAForgottenPassword(t *testing.T) {
	t.Parallel()
	w := mailing(t)
	a, c := w.as(t, authz.Admin), w.stranger(t)
	biller := w.as(t, authz.Biller)
	a.want(a.call("PATCH", "/api/users/biller"+w.name(), map[string]any{"email": "Asha@example.org"}), 200, "")
	ask := func(login string) answer {
		return c.call("POST", "/api/password/reset", map[string]any{"login": login})
	}
	known, unknown, without := ask("asha@EXAMPLE.org"), ask("nobody@example.org"), ask("dispatcher"+w.name())
	for _, got := range []answer{known, unknown, without} {
		if c.want(got, 202, ""); got.raw != known.raw {
			t.Errorf("the answers differ: %s and %s", got.raw, known.raw)
		}
	}
	if page := c.post("/forgot", form("login", "BILLER"+w.name())); page.status != 200 || !strings.Contains(page.raw, "on its way") {
		t.Errorf("by the form: %v", page)
	}
	tokens := w.mailed(t)
	if len(tokens) != 2 {
		t.Fatalf("%d mails for somebody who asked twice", len(tokens))
	}
	c.want(c.call("POST", "/api/password", map[string]any{"token": tokens[0], "password": "nine brown sacks"}), 200, "")
	c.want(c.call("POST", "/api/password", map[string]any{"token": tokens[1], "password": "eight brown sacks"}), 404, "link_invalid")
	biller.want(biller.call("GET", "/api/bags", nil), 401, "unauthenticated")
	c.want(c.call("POST", "/api/login", map[string]any{"username": "biller" + w.name(), "password": "nine brown sacks"}), 200, "")
	c.want(ask(" \u200b "), 422, "invalid_login")
}

func TestResetsAreLimitedByAddressAndByName(t *testing.T) {
	t.Parallel()
	w := mailing(t)
	c := w.stranger(t)
	for i := range 5 {
		c.want(c.call("POST", "/api/password/reset", map[string]any{"login": fmt.Sprint("nobody", i)}), 202, "")
	}
	over := c.call("POST", "/api/password/reset", map[string]any{"login": "somebody"})
	c.want(over, 429, "rate_limited")
	if over.header.Get("Retry-After") == "" || over.header.Get("X-RateLimit-Limit") != "5" {
		t.Errorf("headers of a 429: %v", over.header)
	}
	if page := c.post("/forgot", form("login", "somebody")); page.status != 429 || !strings.Contains(page.raw, "too often") {
		t.Errorf("a 429 as a page: %v", page)
	}
}

func TestAnInvitationByMail(t *testing.T) {
	t.Parallel()
	w := mailing(t)
	a := w.as(t, authz.Admin)
	made := a.call("POST", "/api/users", map[string]any{"username": "asha", "email": "asha@example.org", "role": "biller"})
	a.want(made, 201, "")
	if strings.Contains(made.raw, "/password/") || !strings.Contains(made.raw, `"mailed":true`) {
		t.Errorf("made %v", made)
	}
	if page := a.post("/users", form("username", "ravi", "email", "ravi@example.org", "role", "biller")); page.header.Get("Location") != "/users/ravi?done=mailed" {
		t.Errorf("by the form: %v", page)
	}
	shown := a.call("POST", "/api/users", map[string]any{"username": "mina", "role": "biller"}) // without an address
	if tokenIn(t, shown.body["link"]) == "" || len(w.mailed(t)) != 2 {
		t.Errorf("without an address: %v", shown)
	}
}

func TestWithoutMailAnAdminHelps(t *testing.T) {
	t.Parallel()
	c := start(t).stranger(t)
	c.want(c.call("POST", "/api/password/reset", map[string]any{"login": "asha"}), 409, "mail_off")
	if page := c.page("/forgot"); page.status != 200 || !strings.Contains(page.raw, "Ask your admin") {
		t.Errorf("the page: %v", page)
	}
}
