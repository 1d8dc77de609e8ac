// Command traitortrack tracks the bags of a warehouse. Each command is in a file of its own, and wire.go is the map of
// the program.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"traitortrack/internal/config"
)

// commands is the command line.
type commands struct {
	Demo          demo          `cmd:"" help:"Serve a small warehouse of its own, with its own PostgreSQL and Redis, to try things out."`
	Serve         serve         `cmd:"" help:"Serve, as the environment says."`
	Migrate       migrate       `cmd:"" help:"Bring the database's schema up to this program's, or show where it stands."`
	CreateAdmin   createAdmin   `cmd:"" help:"Make an admin, and the first organization where there is none."`
	Unlock        unlock        `cmd:"" help:"Let a name that is locked after wrong tries try again."`
	ResetPassword resetPassword `cmd:"" help:"Print a link, good for an hour, by which a user sets a new password."`
	User          users         `cmd:"" help:"Shut a user out."`
	Sessions      sessions      `cmd:"" help:"End sessions, so that people log in again."`
	Org           orgs          `cmd:"" help:"List and make organizations."`
	Seed          seedCommand   `cmd:"" help:"Make synthetic warehouses of any size, with bills and a year of history."`
	Audit         audits        `cmd:"" help:"Prove the audit log, or move its old months into files."`
	Doctor        doctor        `cmd:"" help:"Look at the configuration, the database, Redis, the mail server and the clock, and say what is wrong and how to mend it."`
}

// world is what a command may use of the outside.
type world struct {
	environment config.Environment
	in          *os.File
	out         io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever asks a second time is not kept waiting
	err := run(ctx, os.Args[1:], &world{environment: config.OS(), in: os.Stdin, out: os.Stdout})
	if err != nil {
		fmt.Fprintln(os.Stderr, "traitortrack: "+err.Error())
		os.Exit(1)
	}
}

// run parses the command line and runs its command.
func run(ctx context.Context, args []string, w *world) error {
	parser, err := kong.New(&commands{}, kong.Name("traitortrack"), kong.Description("TraitorTrack tracks the bags of a warehouse."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(w), kong.Writers(w.out, os.Stderr))
	if err != nil {
		return fmt.Errorf("set up the command line: %w", err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w\nRun traitortrack --help to see what there is", err)
	}
	return command.Run()
}
