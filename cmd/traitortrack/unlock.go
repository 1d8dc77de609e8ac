package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// unlock is the command that lets a locked name try again.
type unlock struct {
	Username string `required:"" help:"Name that is locked." placeholder:"U"`
}

// Run unlocks the name. One that nobody has can be locked as well, and is unlocked in the same way.
func (cmd unlock) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(_ config.Config, db *pg.DB) error {
		var was bool
		err := db.Tx(ctx, func(tx pgx.Tx) error {
			user, err := account.ByName(ctx, tx, cmd.Username)
			if refused := errs.As(err); err != nil && (refused == nil || refused.Kind != errs.NotFound) {
				return err
			}
			was, err = account.Unlock(ctx, tx, authz.Actor{OrgID: user.OrgID}, cmd.Username)
			return err
		})
		if err != nil {
			return plain(err)
		}
		if !was {
			return errors.New("nobody failed to log in under this name: there is nothing to unlock")
		}
		_, err = fmt.Fprintf(w.out, "%s can try again at once.\n", cmd.Username)
		return err
	})
}
