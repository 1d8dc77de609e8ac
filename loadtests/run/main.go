// Command run lets a crowd work in a warehouse of its own on this machine: PostgreSQL behind PgBouncer, Redis with a bound, one
// server or two behind HAProxy, k6, and dashboards that are held open. Afterwards it holds what was acknowledged against the
// database, and writes a page with what it measured beside the bars. Run it from the repository's root, through make.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"traitortrack/loadtests/machine"
	"traitortrack/loadtests/streams"
)

// options say how large the crowd is, how long it works, and what happens to it meanwhile.
type options struct {
	Users      int           `default:"200" help:"Virtual users, each with an account; one in twenty has none and visits only."`
	For        time.Duration `default:"1m" help:"How long all of them work, after the ramp."`
	Ramp       time.Duration `default:"15s" help:"How long they take to arrive. Logins cost a server time, so they are not measured."`
	Settle     time.Duration `default:"5s" help:"Pause between the ramp and the measurement."`
	Streams    int           `default:"20" help:"Dashboards that are held open as streams of events."`
	Bags       int           `default:"20000" help:"How many bags the warehouses hold before."`
	Instances  int           `default:"1" enum:"1,2" help:"Servers: 1, or 2 behind HAProxy."`
	Pooler     bool          `default:"true" negatable:"" help:"Servers reach the database through PgBouncer."`
	Haste      float64       `default:"1" help:"Think times of 4 to 14 s are divided by it."`
	Slow       float64       `default:"1" help:"The script's threshold of 1 s is so many seconds: for machines that others use."`
	Redis      string        `default:"" enum:",kill,hang" help:"What happens to Redis in the second third: kill or hang."`
	Statements bool          `help:"Have PostgreSQL tell what it spent its time on (pg_stat_statements)."`
	Strict     bool          `help:"Fail on a missed bar, and not only on a missed threshold of the script."`
	Name       string        `default:"load" help:"Begins the result's file name."`
	Results    string        `default:"loadtests/results" help:"Where the result is written."`
	Binary     string        `default:"bin/traitortrack" help:"The server."`
	K6         string        `default:"loadtests/bin/k6" help:"k6."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("run"), kong.Description("Lets a crowd work in a warehouse of its own, and writes down how it went."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load: "+err.Error())
		os.Exit(1)
	}
}

// errMissed makes the exit status tell that something was not as it has to be.
var errMissed = errors.New("something is not as it has to be: see above")

// spare are the files that a process needs beside those of its visitors.
const spare = 500

// fits refuses a crowd for which a process may not open enough files.
func (o options) fits() error {
	limit := int(fileLimit()) //nolint:gosec // it fits
	for _, p := range []struct {
		who   string
		files int
	}{
		{"a server", (o.Users + o.Streams) / o.Instances}, {"a generator", o.Users / o.generators()}, {"the runner", o.Streams},
	} {
		if p.files+spare > limit {
			return fmt.Errorf("%s would need %d files, and a process may open %d: raise ulimit -n, or spread the crowd with --instances 2", p.who, p.files+spare, limit)
		}
	}
	return nil
}

// fileLimit is how many files a process may open, 0 where that is not told.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Max
}

// run makes the site, uses it, and takes it away.
func (o options) run(ctx context.Context) error {
	began := time.Now()
	if err := o.fits(); err != nil {
		return err
	}
	site, err := build(ctx, o)
	if err != nil {
		return err
	}
	say("ready after %s", time.Since(began).Round(time.Second))
	return errors.Join(o.measure(ctx, site), site.close())
}

// measure lets everybody work, checks, and tells.
func (o options) measure(ctx context.Context, site *site) error {
	r := &result{options: o, began: time.Now()}
	if err := o.work(ctx, site, r); err != nil {
		return err
	}
	if o.Redis != "" {
		r.disturbed.heal(ctx, site)
	}
	if err := site.readStatements(ctx, o, r); err != nil {
		return err
	}
	if err := site.check(ctx, r); err != nil {
		return err
	}
	logged, err := site.logged()
	if err != nil {
		return err
	}
	r.logged = logged
	if r.profiled != "" {
		top, err := machine.Top(ctx, r.profiled, shownFunctions)
		if err != nil {
			return err
		}
		r.top = top
	}
	path, err := r.write()
	if err != nil {
		return err
	}
	say("written to %s", path)
	if r.failed(o.Strict) {
		return errMissed
	}
	return nil
}

// work lets everybody work until the generators are done.
func (o options) work(ctx context.Context, site *site, r *result) error {
	start, err := newGun(ctx, o.generators()+1)
	if err != nil {
		return err
	}
	crowd := streams.NewCrowd(streams.Options{URLs: site.urls, Usernames: watchers(o.Users, o.Streams), Password: password, Logins: 2})
	watch := newWatch(site, crowd)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range []func() error{
		func() error { return start.run(ctx) },
		func() error { return crowd.Run(ctx) },
		func() error {
			if crowd.Wait(ctx) {
				start.ready()
			}
			return nil
		},
		func() error { return watch.run(ctx) },
		func() error { return o.disturb(ctx, start, site, r) },
		func() error { return o.profile(ctx, start, site, r) },
		func() error { return o.begin(ctx, start, site, watch) },
		func() error {
			defer stop()
			err := site.generate(ctx, o, start.url(), r)
			r.watched, r.streams = watch.end(), crowd.Counts()
			return err
		},
	} {
		group.Go(part)
	}
	return group.Wait()
}

// begin begins the measurement when everybody is in.
func (o options) begin(ctx context.Context, start *gun, site *site, watch *watch) error {
	if !start.wait(ctx, o.Ramp+o.Settle) {
		return nil
	}
	say("everybody is in: from here on it counts")
	watch.crowd.Reset()
	return errors.Join(watch.begin(ctx), site.countStatements(ctx, o))
}

func say(format string, args ...any) { fmt.Printf("load: "+format+"\n", args...) }
