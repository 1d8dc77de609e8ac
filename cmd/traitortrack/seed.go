package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"traitortrack/internal/config"
	"traitortrack/internal/pg"
	"traitortrack/internal/seed"
)

// seedCommand makes synthetic warehouses.
type seedCommand struct {
	Bags  int    `required:"" help:"How many bags, in three organizations together." placeholder:"N"`
	Seed  uint64 `default:"1" help:"The same seed makes the same bags." placeholder:"S"`
	Users int    `default:"0" help:"Further users, for load: seed-a-load-00001 and so on." placeholder:"N"`
}

// Run makes them, or goes on where it was cut short.
func (cmd seedCommand) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(c config.Config, _ *pg.DB) error {
		password := c.SeedPassword
		if password == "" {
			password = rand.Text()[:16]
		}
		db, err := pg.Open(ctx, pg.Options{URL: c.DatabaseDirectURL, MaxConns: 8, Patient: true})
		if err != nil {
			return err
		}
		defer db.Close()
		bar := newBar(w.out)
		err = seed.Run(ctx, db, seed.Options{Plan: seed.Plan{Bags: cmd.Bags, Seed: cmd.Seed}, Users: cmd.Users, Password: password,
			End: time.Now(), Progress: bar.show})
		if err != nil {
			return plain(err)
		}
		bar.end()
		fmt.Fprintln(w.out, "Putting the tables in order for queries …")
		if err := seed.Tidy(ctx, db); err != nil {
			return err
		}
		for _, o := range seed.Organizations() {
			fmt.Fprintf(w.out, "%s: log in as %s-admin, %s-biller or %s-dispatcher\n", o.Name, o.Name, o.Name, o.Name)
		}
		if c.SeedPassword == "" {
			fmt.Fprintf(w.out, "Everybody's password, unless they were there before: %s\n", password)
		}
		return nil
	})
}

// bar shows how far long work has come: as a bar on a terminal, and as a line now and then elsewhere.
type bar struct {
	out      io.Writer
	terminal bool
	began    time.Time
	told     time.Time
}

func newBar(out io.Writer) *bar {
	file, ok := out.(*os.File)
	return &bar{out: out, terminal: ok && term.IsTerminal(int(file.Fd())), began: time.Now()}
}

const barWidth = 40

func (b *bar) show(done, total int) {
	pause := 100 * time.Millisecond
	if !b.terminal {
		pause = 5 * time.Second
	}
	if time.Since(b.told) < pause && done < total {
		return
	}
	b.told = time.Now()
	elapsed := time.Since(b.began)
	line := fmt.Sprintf("%3d %%  %d of %d bags, %.0f a second", 100*done/total, done, total, float64(done)/elapsed.Seconds())
	if b.terminal {
		full := barWidth * done / total
		fmt.Fprintf(b.out, "\r[%s%s] %s ", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), line)
		return
	}
	fmt.Fprintln(b.out, line)
}

func (b *bar) end() {
	if b.terminal {
		fmt.Fprintln(b.out)
	}
	fmt.Fprintf(b.out, "Done in %s.\n", time.Since(b.began).Round(100*time.Millisecond))
}
