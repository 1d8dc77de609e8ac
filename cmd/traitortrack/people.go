package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"golang.org/x/term"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
)

// createAdmin is the command that makes an admin.
type createAdmin struct {
	Username      string `required:"" help:"Name to log in with." placeholder:"U"`
	Email         string `required:"" help:"Where resets go." placeholder:"E"`
	Org           string `help:"Organization; needed where there is more than one. The first is made under this name." placeholder:"NAME"`
	Password      string `help:"Password. Other users of this machine can see it; better are the prompt and --password-stdin." xor:"password"`
	PasswordStdin bool   `help:"Read the password from standard input." xor:"password"`
}

// firstOrg is the name of an organization that nobody gave a name.
const firstOrg = "Warehouse"

// Run makes the admin, and the first organization with them.
func (cmd createAdmin) Run(ctx context.Context, w *world) error {
	password, err := cmd.password(w)
	if err != nil {
		return err
	}
	return openDatabase(ctx, w, func(_ config.Config, db *pg.DB) error {
		var in org.Listed
		err := db.Tx(ctx, func(tx pgx.Tx) error {
			var err error
			if in, err = cmd.organization(ctx, tx); err != nil {
				return err
			}
			_, err = account.Create(ctx, tx, account.NewUser{OrgID: in.ID, Username: cmd.Username, Email: cmd.Email, Role: authz.Admin, Password: password})
			return err
		})
		if err != nil {
			return plain(err)
		}
		_, err = fmt.Fprintf(w.out, "%s is an admin of %s now, and can log in.\n", cmd.Username, in.Name)
		return err
	})
}

// organization finds the organization that the admin is for. The only one needs no name, and the first is made.
func (cmd createAdmin) organization(ctx context.Context, tx pgx.Tx) (org.Listed, error) {
	there, err := org.List(ctx, tx)
	if err != nil {
		return org.Listed{}, err
	}
	if len(there) == 0 {
		name := cmd.Org
		if name == "" {
			name = firstOrg
		}
		id, err := org.Create(ctx, tx, name, "UTC")
		return org.Listed{ID: id, Name: name}, err
	}
	if len(there) == 1 && cmd.Org == "" {
		return there[0], nil
	}
	var names []string
	for _, o := range there {
		if strings.EqualFold(o.Name, cmd.Org) {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return org.Listed{}, fmt.Errorf("say which organization the admin is for with --org: %s. traitortrack org create makes another", strings.Join(names, ", "))
}

// password gives the password from where it was asked to come from: a flag, standard input, or a prompt.
func (cmd createAdmin) password(w *world) (string, error) {
	switch {
	case cmd.Password != "":
		return cmd.Password, nil
	case cmd.PasswordStdin:
		line, err := bufio.NewReader(w.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password from standard input: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	case !term.IsTerminal(int(w.in.Fd())):
		return "", errors.New("there is no terminal to ask for the password on: give it on standard input, with --password-stdin")
	}
	first, err := ask(w, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask(w, "Once more: ")
	if err == nil && first != second {
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return first, err
}

func ask(w *world, prompt string) (string, error) {
	_, _ = fmt.Fprint(os.Stderr, prompt)
	typed, err := term.ReadPassword(int(w.in.Fd()))
	_, _ = fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(typed), nil
}

// orgs are the commands of organizations.
type orgs struct {
	List   orgList   `cmd:"" help:"List the organizations."`
	Create orgCreate `cmd:"" help:"Make an organization."`

	SetBilling orgSetBilling `cmd:"" help:"Say how an organization stands with its bills."`
}

type orgList struct{}

// Run lists the organizations.
func (orgList) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(_ config.Config, db *pg.DB) error {
		var there []org.Listed
		err := db.Read(ctx, func(tx pg.Tx) error {
			var err error
			there, err = org.List(ctx, tx)
			return err
		})
		if err != nil {
			return plain(err)
		}
		table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "id\tname\ttime zone\tsince")
		for _, o := range there {
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", o.ID, o.Name, o.TimeZone, o.CreatedAt.UTC().Format("2006-01-02"))
		}
		return table.Flush() // tells what the lines before could not write
	})
}

type orgCreate struct {
	Name     string `arg:"" help:"Name of the organization."`
	TimeZone string `default:"UTC" help:"Time zone of its days, such as Asia/Kolkata."`
}

// Run makes an organization.
func (cmd orgCreate) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(_ config.Config, db *pg.DB) error {
		var id int64
		err := db.Tx(ctx, func(tx pgx.Tx) error {
			var err error
			id, err = org.Create(ctx, tx, cmd.Name, cmd.TimeZone)
			return err
		})
		if err != nil {
			return plain(err)
		}
		_, err = fmt.Fprintf(w.out, "Organization %d, %s, is there now. Make its admin with: traitortrack create-admin --org %q --username … --email …\n", id, cmd.Name, cmd.Name)
		return err
	})
}
