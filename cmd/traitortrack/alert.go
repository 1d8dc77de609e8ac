package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
	"traitortrack/internal/pool"
)

// tellTimeout bounds how long an alert may take to reach the admins, so that sampling goes on.
const tellTimeout = 2 * time.Second

// tellPool tells every admin that the pool has reached a band, by a notice and where mail is set up by mail. That it is healthy
// again stands in the log only. The pool is full when this matters, so it goes by the reserve.
func (p *program) tellPool(ctx context.Context, a pool.Alert) {
	if a.Band == pool.Healthy {
		return
	}
	ctx, cancel := context.WithTimeout(pg.Reserved(ctx), tellTimeout)
	defer cancel()
	notice := notify.Notice{Kind: notify.PoolAlert, Message: a.String() + ".", Link: poolPath}
	err := p.db.Tx(ctx, func(tx pgx.Tx) error {
		if err := notify.ToEveryAdmin(ctx, tx, notice); err != nil {
			return err
		}
		return p.outbox.MailEveryAdmin(ctx, tx, a.Title(), notice.Message+"\n\nThe statements that hold connections, and buttons to stop them:\n"+p.config.BaseURL+poolPath+"\n")
	})
	if err != nil {
		p.log.Warn("the admins could not be told of the pool", slog.Any("cause", err))
	}
}

// poolPath is the page where an admin acts on an alert.
const poolPath = "/pool_dashboard"
