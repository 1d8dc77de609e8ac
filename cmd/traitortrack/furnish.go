package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
)

// The demo's organization.
const (
	demoOrg  = "Demo Warehouse"
	demoZone = "Asia/Kolkata"
)

// furnish makes the demo's organization, its users and its bags, where they are not there yet, and sees that the users
// have the demo's password.
func furnish(ctx context.Context, p *program, dir string) error {
	crew, err := hire(ctx, p)
	if err != nil {
		return fmt.Errorf("make the demo's users: %w", err)
	}
	mark := filepath.Join(dir, "furnished")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if err := work(ctx, p, crew, time.Now()); err != nil {
		return fmt.Errorf("fill the demo's warehouse: %w", err)
	}
	return os.WriteFile(mark, []byte(time.Now().Format(time.RFC3339)+"\n"), 0o600)
}

// crew are the demo's users as actors, by role, which is their name as well.
type crew map[authz.Role]authz.Actor

// hire makes the organization and the users, or finds those of the last time and gives them the password of this time.
func hire(ctx context.Context, p *program) (crew, error) {
	people := crew{}
	err := p.db.Tx(ctx, func(tx pgx.Tx) error {
		id, err := demoOrganization(ctx, tx)
		if err != nil {
			return err
		}
		for _, role := range []authz.Role{authz.Admin, authz.Biller, authz.Dispatcher} {
			who := authz.Actor{OrgID: id, Username: string(role), Role: role, Device: "Chrome on Android", Address: "127.0.0.1"}
			if who.UserID, err = demoUser(ctx, tx, who, p.config.DemoPassword); err != nil {
				return err
			}
			people[role] = who
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return people, p.repassword(ctx, people)
}

func demoOrganization(ctx context.Context, tx pgx.Tx) (int64, error) {
	there, err := org.List(ctx, tx)
	if err != nil {
		return 0, err
	}
	if i := slices.IndexFunc(there, func(o org.Listed) bool { return o.Name == demoOrg }); i >= 0 {
		return there[i].ID, nil
	}
	return org.Create(ctx, tx, demoOrg, demoZone)
}

func demoUser(ctx context.Context, tx pgx.Tx, who authz.Actor, password string) (int64, error) {
	user, err := account.ByName(ctx, tx, who.Username)
	if e := errs.As(err); e != nil && e.Kind == errs.NotFound {
		return account.Create(ctx, tx, account.NewUser{OrgID: who.OrgID, Username: who.Username, Email: who.Username + "@example.com",
			Role: who.Role, Password: password, AnyPassword: true})
	}
	return user.ID, err
}

// repassword gives users who have another password the one of this start.
func (p *program) repassword(ctx context.Context, people crew) error {
	for _, who := range people {
		fits, err := p.accounts.Fits(ctx, who.Username, p.config.DemoPassword)
		if err != nil || fits {
			return err // they all have the same
		}
		err = p.db.Tx(ctx, func(tx pgx.Tx) error { return account.SetAnyPassword(ctx, tx, who, who.UserID, p.config.DemoPassword) })
		if err != nil {
			return err
		}
	}
	return nil
}
