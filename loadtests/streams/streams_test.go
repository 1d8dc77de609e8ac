package streams_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/loadtests/streams"
)

// TestCrowd has two watchers log in, follow a stream that breaks off once, and come back to it.
func TestCrowd(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.PostFormValue("username")})
		http.Redirect(w, r, "/dashboard", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /dashboard/events", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("session"); err != nil || c.Value == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		for range 2 {
			_, _ = fmt.Fprintf(w, ": still here\n\nevent: snapshot\nid: %s\ndata: <p>\n\n", strconv.FormatInt(time.Now().UnixNano(), 36))
		}
		_ = http.NewResponseController(w).Flush()
		if opened.Add(1) > 1 {
			<-r.Context().Done()
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	crowd := streams.NewCrowd(streams.Options{URLs: []string{server.URL}, Usernames: []string{"one", "two"}, Password: "secret", Logins: 1})
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error, 1)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	go func() { done <- crowd.Run(ctx) }()
	if !crowd.Wait(ctx) {
		t.Fatal("the two are never there at once")
	}
	for crowd.Counts().Events < 6 || crowd.Counts().Alive < 2 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%+v", crowd.Counts())
		}
	}
	c := crowd.Counts()
	if c.Events != 6 || c.Beats != 6 || c.Refused != 0 || c.Fewest > 1 || c.Max <= 0 || c.P50 > c.Max {
		t.Errorf("%+v", c)
	}
	crowd.Reset()
	if c := crowd.Counts(); c.Alive != 2 || c.Fewest != 2 || c.Events != 0 || c.Max != 0 {
		t.Errorf("after Reset: %+v", c)
	}
	stop()
	if err := <-done; err != nil || crowd.Counts().Alive != 0 {
		t.Errorf("%v, %+v", err, crowd.Counts())
	}
}
