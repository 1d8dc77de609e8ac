package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"traitortrack/internal/config"
	"traitortrack/migrations"
)

// serve is the command that serves.
type serve struct{}

// Run serves with the environment's configuration, on a schema that somebody has migrated.
func (serve) Run(ctx context.Context, w *world) error {
	c, err := config.Load(w.environment)
	if err != nil {
		return err
	}
	on, err := listenBoth(ctx, "ADDR", c)
	if err != nil {
		return err
	}
	defer on.close()
	p, err := wire(ctx, c, w)
	if err != nil {
		return err
	}
	if err := checkSchema(ctx, p); err != nil {
		return errors.Join(err, p.close())
	}
	err = p.serve(ctx, on, func() { p.log.Info("serving", slog.String("address", on.public.Addr().String())) })
	return errors.Join(err, p.close())
}

// checkSchema refuses a schema that this program was not made for.
func checkSchema(ctx context.Context, p *program) error {
	err := migrations.Check(ctx, p.db.Pool())
	if err == nil || errors.Is(err, migrations.ErrOlder) || errors.Is(err, migrations.ErrNewer) {
		return err
	}
	return fmt.Errorf("the database does not answer: %w\nCheck DATABASE_URL, and that PostgreSQL runs; traitortrack doctor looks closer", err)
}

// listeners are where the program is asked: in public, and in private by operators. private is nil where it is off.
type listeners struct{ public, private net.Listener }

// listenBoth opens the configured ports. setting is what moves the public one.
func listenBoth(ctx context.Context, setting string, c config.Config) (listeners, error) {
	public, err := listen(ctx, setting, c.Addr)
	if err != nil || c.MetricsAddr == "off" {
		return listeners{public: public}, err
	}
	private, err := listen(ctx, "METRICS_ADDR", c.MetricsAddr)
	if err != nil {
		return listeners{}, errors.Join(err, public.Close())
	}
	return listeners{public: public, private: private}, nil
}

// close closes the ports, unless their servers have done so already.
func (l listeners) close() {
	_ = l.public.Close()
	if l.private != nil {
		_ = l.private.Close()
	}
}

// listen opens a port. setting is what the operator would change.
func listen(ctx context.Context, setting, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program listens on %s already: stop it, or choose another address with %s", address, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w. Choose another address with %s", address, err, setting)
	}
	return listener, nil
}

// The bounds of a connection. A page that streams extends its own deadline with each write.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	answerTimeout = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// httpServer speaks HTTP/1.1, and HTTP/2 without TLS to a balancer that begins with it: TLS ends there.
func (p *program) httpServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: h, Protocols: &protocols, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)}
}

// serve serves on the listeners until ctx ends, then lets open requests finish. began is called once requests are answered.
func (p *program) serve(ctx context.Context, on listeners, began func()) error {
	if p.sealer != nil {
		if err := p.sealer.Begin(ctx); err != nil {
			return err
		}
	}
	p.sayBackends()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, background := errgroup.WithContext(background)
	for _, run := range []func(context.Context) error{p.sessions.Run, p.prober.Run, p.db.Watch, p.listener.Run, p.watch.Run,
		p.pool.Run, p.system.Run, p.jobs.Run, p.reopenLog, p.server.RunLive} {
		g.Go(func() error { return run(background) })
	}
	edge, private := p.httpServer(p.server.Handler()), p.httpServer(p.metrics.Private())
	edge.RegisterOnShutdown(p.server.EndLive)
	private.WriteTimeout = 0 // a profile takes as long as it was asked to
	g.Go(func() error { return serveOn(edge, on.public) })
	if on.private != nil {
		g.Go(func() error { return serveOn(private, on.private) })
	}
	began()
	debug.FreeOSMemory() // to prove every page's template takes memory that is needed once
	g.Go(func() error {
		select {
		case <-ctx.Done():
		case <-background.Done(): // one of the others failed
		}
		defer stop()
		return errors.Join(p.drain(edge), private.Close())
	})
	return g.Wait()
}

func serveOn(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// grace is how long requests are still taken after the health says that we stop, so that load balancers hear it first: two checks
// that take a second each, and the pauses between them.
const grace = 3 * time.Second

// drain tells load balancers to send nothing more, and lets open requests finish within the shutdown's time.
func (p *program) drain(edge *http.Server) error {
	p.log.Info("stopping: open requests finish")
	p.prober.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), p.config.ShutdownTimeout)
	defer cancel()
	select {
	case <-time.After(min(grace, p.config.ShutdownTimeout/5)):
	case <-ctx.Done():
	}
	if err := edge.Shutdown(ctx); err != nil {
		p.log.Warn("requests were cut off: they took longer than SHUTDOWN_TIMEOUT", slog.Duration("timeout", p.config.ShutdownTimeout))
		return edge.Close()
	}
	return nil
}

// reopenLog opens the log's file again at each SIGHUP.
func (p *program) reopenLog(ctx context.Context) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			if err := p.log.Reopen(); err != nil {
				p.log.Error("the log's file could not be opened again: the old one stays in use", slog.Any("error", err))
			}
		}
	}
}
