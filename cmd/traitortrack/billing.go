package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/redisdb"
)

// orgSetBilling is the command that says how an organization stands with its bills.
type orgSetBilling struct {
	Org       string `help:"Organization; needed where there is more than one." placeholder:"NAME"`
	Standing  string `required:"" enum:"exempt,active,trialing,past_due,suspended,canceled" help:"exempt, active, trialing, past_due, suspended or canceled."`
	TrialEnds string `help:"Last day of a trial, such as 2026-12-31." placeholder:"DAY"`
	Since     string `help:"Day on which a bill that is past due was due; today where it is not given." placeholder:"DAY"`
	GraceDays int    `default:"7" help:"Days after that day on which everything still works."`
}

// Run sets the standing, and tells every instance.
func (cmd orgSetBilling) Run(ctx context.Context, w *world) error {
	return openDatabase(ctx, w, func(c config.Config, db *pg.DB) error {
		var of org.Listed
		var to org.Billing
		err := db.Tx(ctx, func(tx pgx.Tx) error {
			var err error
			if of, err = chooseOrg(ctx, tx, cmd.Org); err != nil {
				return err
			}
			if to, err = cmd.billing(of.TimeZone, time.Now()); err != nil {
				return err
			}
			return org.SetBilling(ctx, tx, authz.Actor{}, of.ID, to)
		})
		if err != nil {
			return plain(err)
		}
		if err := announce(ctx, c, of.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.out, "%s is %s. Servers that run follow within a second.\n", of.Name, cmd.told(to, of.TimeZone))
		return err
	})
}

// chooseOrg gives the organization of a name. The only one needs none.
func chooseOrg(ctx context.Context, tx pgx.Tx, name string) (org.Listed, error) {
	there, err := org.List(ctx, tx)
	if err != nil {
		return org.Listed{}, err
	}
	if len(there) == 1 && name == "" {
		return there[0], nil
	}
	var names []string
	for _, o := range there {
		if strings.EqualFold(o.Name, name) {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return org.Listed{}, fmt.Errorf("say which organization with --org: %s", strings.Join(names, ", "))
}

// billing reads the days in the organization's time zone.
func (cmd orgSetBilling) billing(timeZone string, now time.Time) (org.Billing, error) {
	in, err := time.LoadLocation(timeZone)
	if err != nil {
		return org.Billing{}, fmt.Errorf("time zone of the organization: %w", err)
	}
	b := org.Billing{Standing: org.Standing(cmd.Standing), GraceDays: cmd.GraceDays, Since: now}
	if cmd.Since != "" {
		if b.Since, err = readDay("--since", cmd.Since, in); err != nil {
			return org.Billing{}, err
		}
	}
	if cmd.TrialEnds != "" {
		last, err := readDay("--trial-ends", cmd.TrialEnds, in)
		if err != nil {
			return org.Billing{}, err
		}
		b.TrialEnds = last.AddDate(0, 0, 1) // the last day counts to its end
	}
	return b, nil
}

func readDay(flag, text string, in *time.Location) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, in)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is %q: it takes a day such as 2026-12-31", flag, text)
	}
	return day, nil
}

// told says in words what was set.
func (cmd orgSetBilling) told(b org.Billing, timeZone string) string {
	in, err := time.LoadLocation(timeZone)
	if err != nil {
		in = time.UTC
	}
	text := strings.ReplaceAll(cmd.Standing, "_", " ") + " now"
	if last := b.Access(time.Now(), in).LastDay; !last.IsZero() {
		text += ", and everything works until the end of " + last.Format("Monday, 2 January 2006")
	}
	return text
}

// announce tells the servers that listen at Redis. Those that listen at PostgreSQL know already.
func announce(ctx context.Context, c config.Config, orgID int64) error {
	redis, err := redisdb.Open(c.RedisURL)
	if err != nil {
		return err
	}
	org.Announce(ctx, redis.WithBudget(patience), orgID)
	return redis.Close()
}

// patience is how long a command waits for Redis. A server would not.
const patience = 250 * time.Millisecond
