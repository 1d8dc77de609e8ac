package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/pg"
)

// sessions are the commands about who is logged in.
type sessions struct {
	End sessionsEnd `cmd:"" help:"Log everybody out, or one user."`
}

type sessionsEnd struct {
	All      bool   `help:"Log everybody out, in every organization." xor:"whom" required:""`
	Username string `help:"Log this user out." placeholder:"U" xor:"whom" required:""`
}

// Run ends the sessions. API tokens stay good: they are revoked one by one, and refused when their owner is shut out.
func (cmd sessionsEnd) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(_ config.Config, db *pg.DB) error {
		if !cmd.All {
			return cmd.one(ctx, w, db)
		}
		var people int64
		err := db.Tx(ctx, func(tx pgx.Tx) error {
			var err error
			people, err = account.EndEverySession(ctx, tx)
			return err
		})
		if err != nil {
			return plain(err)
		}
		_, err = fmt.Fprintf(w.out, "Everybody is logged out within a second: %d users.\n", people)
		return err
	})
}

func (cmd sessionsEnd) one(ctx context.Context, w *world, db *pg.DB) error {
	var user account.User
	err := db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		if user, err = account.ByName(ctx, tx, cmd.Username); err != nil {
			return err
		}
		return account.EndSessions(ctx, tx, authz.Actor{OrgID: user.OrgID}, user.ID)
	})
	if err != nil {
		return plain(err)
	}
	_, err = fmt.Fprintf(w.out, "%s is logged out everywhere within a second.\n", user.Username)
	return err
}
