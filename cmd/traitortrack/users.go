package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/people"
	"traitortrack/internal/pg"
)

// users are the commands about one user.
type users struct {
	Deactivate userDeactivate `cmd:"" help:"Shut a user out at once: their sessions end, and nobody logs in as them."`
}

type userDeactivate struct {
	Username string `required:"" help:"User to shut out." placeholder:"U"`
}

// Run shuts the user out.
func (cmd userDeactivate) Run(ctx context.Context, w *world) error {
	return openPeople(ctx, w, cmd.Username, func(_ config.Config, there *people.Store, operator authz.Actor) error {
		p, err := there.Deactivate(ctx, operator, cmd.Username)
		if err != nil {
			return plain(err)
		}
		_, err = fmt.Fprintf(w.out, "%s is shut out: every session ends within a second, and nobody logs in as them.\n", p.Username)
		return err
	})
}

// resetPassword is the command that makes a link for a new password.
type resetPassword struct {
	Username string `required:"" help:"User who has forgotten their password." placeholder:"U"`
}

// Run prints the link. It is not mailed, since whoever asks for it here may be the one who has lost their way in.
func (cmd resetPassword) Run(ctx context.Context, w *world) error {
	return openPeople(ctx, w, cmd.Username, func(c config.Config, there *people.Store, operator authz.Actor) error {
		link, err := there.NewLink(ctx, operator, cmd.Username)
		if err != nil {
			return plain(err)
		}
		_, err = fmt.Fprintf(w.out, "%s\n\n%s can set a password there, once, until %s. Whoever has the link can log in as them.\n",
			baseURL(c)+"/password/"+link.Token, link.Username, link.Until.UTC().Format("15:04 on 2 January 2006 (UTC)"))
		return err
	})
}

// openPeople opens the people of the organization that a user belongs to, for an operator who is none of them.
func openPeople(ctx context.Context, w *world, username string, do func(config.Config, *people.Store, authz.Actor) error) error {
	return openDatabase(ctx, w, func(c config.Config, db *pg.DB) error {
		var user account.User
		err := db.Read(ctx, func(tx pg.Tx) error {
			var err error
			user, err = account.ByName(ctx, tx, username)
			return err
		})
		if err != nil {
			return plain(err)
		}
		operator := authz.Actor{OrgID: user.OrgID, Role: authz.Admin}
		return do(c, people.NewStore(db, account.NewStore(db, time.Now), time.Now), operator)
	})
}

// baseURL is the address that people use, or the server's own on this machine where BASE_URL is not set.
func baseURL(c config.Config) string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		port = "5000"
	}
	return "http://" + net.JoinHostPort("localhost", port)
}
