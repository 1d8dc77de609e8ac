package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// running is the whole program on a database of its own, as serve runs it, with an admin of the name and password below.
type running struct {
	t            *testing.T
	url, private string
	log          *output
	database     string
	db           *pg.DB // another pool on the same database, for the test
	http         *http.Client
}

const (
	operator         = "operator"
	operatorPassword = "seven green bags"
)

// startProgram wires and serves the program. What stands in change is set in its environment besides.
func startProgram(t *testing.T, change config.Environment) *running {
	t.Helper()
	r := &running{t: t, database: pgtest.URL(t), log: &output{}}
	r.db = pgtest.Open(t, r.database)
	r.start(change)
	return r
}

// start wires and serves the program on the database, with an operator.
func (r *running) start(change config.Environment) {
	r.t.Helper()
	t := r.t
	r.hire()
	e := config.Environment{"DATABASE_URL": r.database, "REDIS_URL": pgtest.Redis(t), "ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0",
		"SECRET_KEY": "a key of the test's own, long enough", "REQUIRE_ADMIN_2FA": "false", "RATELIMIT_EXEMPT": "127.0.0.0/8", "SHUTDOWN_TIMEOUT": "1s"}
	maps.Copy(e, change)
	c, err := config.Load(e)
	if err != nil {
		t.Fatal(err)
	}
	on, err := listenBoth(t.Context(), "ADDR", c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire(t.Context(), c, &world{environment: e, out: r.log})
	if err != nil {
		t.Fatal(err)
	}
	r.url, r.private = "http://"+on.public.Addr().String(), "http://"+on.private.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.serve(ctx, on, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v\n%s", err, r.log)
		}
		_ = p.close()
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.http = &http.Client{Jar: jar, Timeout: time.Minute}
	eventually(t, "the program is ready", func() bool { return r.ask("GET", "/healthz", nil).StatusCode == http.StatusOK }, r.log)
}

// hire makes the operator.
func (r *running) hire() {
	r.t.Helper()
	orgID := pgtest.Org(r.t, r.db)
	err := r.db.Tx(r.t.Context(), func(tx pgx.Tx) error {
		_, err := account.Create(r.t.Context(), tx, account.NewUser{OrgID: orgID, Username: operator, Role: authz.Admin, Password: operatorPassword})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// logIn makes the client the operator's.
func (r *running) logIn() {
	r.t.Helper()
	if a := r.ask("POST", "/api/login", map[string]string{"username": operator, "password": operatorPassword}); a.StatusCode != http.StatusOK {
		r.t.Fatalf("login: %d %s", a.StatusCode, a.text)
	}
}

// told is an answer with its body.
type told struct {
	*http.Response
	text string
	took time.Duration
}

// ask asks the public side.
func (r *running) ask(method, path string, body any) told { return r.askAt(r.url, method, path, body) }

func (r *running) askAt(base, method, path string, body any) told {
	r.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(context.Background(), method, base+path, bytes.NewReader(raw))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	begun := time.Now()
	answer, err := r.http.Do(q)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", method, path, err, r.log)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return told{Response: answer, text: string(text), took: time.Since(begun)}
}

// numbers scrapes what Prometheus would.
func (r *running) numbers() string {
	r.t.Helper()
	a := r.askAt(r.private, "GET", "/metrics", nil)
	if a.StatusCode != http.StatusOK {
		r.t.Fatalf("/metrics: %d %s", a.StatusCode, a.text)
	}
	return a.text
}
