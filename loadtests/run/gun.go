package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// gun starts everybody at once. To make thousands of virtual users takes a generator a while, so each tells when it is ready, and waits
// for the others, and for the watchers to have their dashboards open.
type gun struct {
	listener net.Listener
	mu       sync.Mutex
	missing  int
	fired    chan struct{}
}

func newGun(ctx context.Context, parties int) (*gun, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the generators: %w", err)
	}
	return &gun{listener: listener, missing: parties, fired: make(chan struct{})}, nil
}

func (g *gun) url() string { return "http://" + g.listener.Addr().String() }

// run listens until ctx ends.
func (g *gun) run(ctx context.Context) error {
	server := &http.Server{Handler: g, ReadHeaderTimeout: patience}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(g.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listen for the generators: %w", err)
	}
	return nil
}

// ready is told by each party, once.
func (g *gun) ready() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.missing--; g.missing == 0 {
		say("everybody is ready")
		close(g.fired)
	}
}

// ServeHTTP answers a generator when all parties are ready.
func (g *gun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.ready()
	select {
	case <-g.fired:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

// wait waits for so long after the start, and reports whether it was not cut short.
func (g *gun) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-g.fired:
		return pause(ctx, d)
	case <-ctx.Done():
		return false
	}
}
