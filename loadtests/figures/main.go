// Command figures measures what one server does on this machine, each figure beside a reference that is measured in the same
// run: pgbench for scans, COPY for the seed, a bare chi handler for reads. It starts a PostgreSQL that syncs every commit, a Redis and
// a server of its own, and writes a page with what was measured beside the bars. Run it from the repository's root, through make.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options say how much is measured, and for how long.
type options struct {
	Bags    int           `default:"1800000" help:"How many bags the warehouses hold."`
	Larger  int           `help:"Measure the reads over so many bags, too, and compare." placeholder:"N"`
	Rounds  int           `default:"3" help:"How often each rate is measured: the median counts."`
	Each    time.Duration `default:"5s" help:"How long each rate is measured in a round."`
	Reads   int           `default:"1000" help:"How often each read is timed."`
	Results string        `default:"loadtests/results" help:"Where the page is written."`
	Binary  string        `default:"bin/traitortrack" help:"The server."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("figures"), kong.Description("Measures what one server does, beside what the parts under it do by themselves."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures: "+err.Error())
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context) error {
	p := &page{options: o, began: time.Now()}
	read, err := o.measure(ctx, p, o.Bags, true)
	if err != nil {
		return err
	}
	if o.Larger > 0 {
		larger, err := o.measure(ctx, p, o.Larger, false)
		if err != nil {
			return err
		}
		p.grown(read, larger)
	}
	path, err := p.write()
	if err != nil {
		return err
	}
	say("written to %s", path)
	return nil
}

// measure fills a warehouse of so many bags and times the reads; and where all is asked for, the rest.
func (o options) measure(ctx context.Context, p *page, bags int, all bool) ([]timed, error) {
	w, err := open(ctx, bags)
	if err != nil {
		return nil, err
	}
	read, err := w.measure(ctx, o, p, all)
	return read, errors.Join(err, w.close())
}

func (w *warehouse) measure(ctx context.Context, o options, p *page, all bool) ([]timed, error) {
	seeded, err := w.fill(ctx)
	if err != nil {
		return nil, err
	}
	if all {
		copied, err := w.copyAgain(ctx)
		if err != nil {
			return nil, err
		}
		p.seed(seeded, copied)
	}
	s, err := w.serve(ctx, o.Binary)
	if err != nil {
		return nil, err
	}
	if err := w.rest(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if all {
		err := errors.Join(s.stop(), w.starts(ctx, o, p))
		if err == nil {
			s, err = w.serve(ctx, o.Binary)
		}
		if err != nil {
			return nil, err
		}
	}
	read, err := s.reads(ctx, w, o)
	var disk taken
	if err == nil {
		disk, err = w.taken(ctx)
	}
	if err == nil {
		p.reads(w.bags, disk, read)
		err = s.slow(ctx, p, w.bags)
	}
	if err == nil && all {
		err = s.scans(ctx, w, o, p)
	}
	return read, errors.Join(err, s.stop())
}

// binarySize is the server's size on disk, in bytes.
func (o options) binarySize() (int64, error) {
	info, err := os.Stat(filepath.Clean(o.Binary))
	if err != nil {
		return 0, fmt.Errorf("look at the server: %w", err)
	}
	return info.Size(), nil
}

func say(format string, args ...any) { fmt.Printf("figures: "+format+"\n", args...) }
