package pg

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	rejoin      = 250 * time.Millisecond // until a listener that cannot listen tries again
	proveEvery  = 250 * time.Millisecond // between two proofs that a connection still hears
	proveWithin = time.Second            // for the answer to one
	joinWithin  = 5 * time.Second        // to connect, and to begin to listen
)

// Listener hears the notices of PostgreSQL (NOTIFY) on a connection of its own, and knows up to when it has heard every one: a
// connection may hang for long before it ends.
type Listener struct {
	url   string
	heard map[string]func(payload string)
	until atomic.Pointer[time.Time]
}

// NewListener makes a listener at a database. The address leads past any transaction pooler: nothing is heard through one.
func NewListener(url string) *Listener {
	return &Listener{url: url, heard: map[string]func(string){}}
}

// On has each payload that is sent on a channel handed to heard, one after the other, and "" whenever some may have been missed. It is
// called before Run.
func (l *Listener) On(channel string, heard func(payload string)) { l.heard[channel] = heard }

// HeardUntil gives a time of which it is known that every notice committed before has been handed on. It is the zero time
// until the listener listens.
func (l *Listener) HeardUntil() time.Time {
	if t := l.until.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// Run listens until ctx ends, and begins again whenever listening ends. That the database is away is for the prober to tell.
func (l *Listener) Run(ctx context.Context) error {
	pause := time.NewTicker(rejoin)
	defer pause.Stop()
	for ctx.Err() == nil {
		_ = l.listen(ctx)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
	return nil
}

// listen listens on one connection until that ends.
func (l *Listener) listen(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to listen: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = l.join(ctx, conn)
	for err == nil {
		if err = l.prove(ctx, conn); err == nil {
			err = hear(ctx, conn)
		}
	}
	return fmt.Errorf("listen at the database: %w", err)
}

func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(l.url)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = joinWithin
	config.RuntimeParams["application_name"] = ListenerName
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { l.heard[n.Channel](n.Payload) }
	return pgx.ConnectConfig(ctx, config)
}

// join listens on every channel, and tells each that notices may have been missed. A standby refuses it.
func (l *Listener) join(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	for channel := range l.heard {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return err
		}
	}
	for _, heard := range l.heard {
		heard("")
	}
	return nil
}

// prove asks the server for nothing: with its answer come all notices from before the question.
func (l *Listener) prove(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	asked := time.Now()
	if err := conn.Ping(ctx); err != nil {
		return err
	}
	l.until.Store(&asked)
	return nil
}

// hear hears notices until the next proof is due.
func hear(ctx context.Context, conn *pgx.Conn) error {
	turn, cancel := context.WithTimeout(ctx, proveEvery)
	defer cancel()
	for {
		err := conn.PgConn().WaitForNotification(turn)
		if turn.Err() != nil && !conn.IsClosed() { // the time is over, which harms no connection
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}
