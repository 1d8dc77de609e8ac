package seed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/weight"
)

// timeZone is that of the organizations.
const timeZone = "Asia/Kolkata"

// indian is the same, whose clocks are never changed.
var indian = time.FixedZone(timeZone, 19_800)

// Options say what to make and for whom.
type Options struct {
	Plan
	Users    int    // for load, beside the three named users of each organization
	Password string // everybody's
	End      time.Time
	Progress func(done, total int) // bags; called by one goroutine at a time
}

// kept is the plan of an organization as it was begun, so that a second start goes on where the first one ended.
type kept struct {
	Plan
	End time.Time `json:"end"`
}

// Run makes what the options say, or the rest of it where an earlier run was cut short. An organization that was made by
// another plan is refused with invalid_seed.
func Run(ctx context.Context, db *pg.DB, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	var layouts []*layout
	hash := account.HashPassword(o.Password)
	for i, organization := range Organizations() {
		l := &layout{number: i, plan: o.Plan}
		err := l.prepare(ctx, db, o, organization, hash)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", organization.Name, err)
		}
		l.spread(shareOf(o.Bags, i))
		layouts = append(layouts, l)
	}
	if err := makeRoom(ctx, db, layouts); err != nil {
		return err
	}
	return fill(ctx, db, layouts, o)
}

// shareOf is how many bags an organization gets. The last gets what is left.
func shareOf(bags, organization int) int {
	all, left := Organizations(), bags
	for i, o := range all {
		share := bags * o.Percent / 100
		if i == len(all)-1 {
			share = left
		}
		if i == organization {
			return share
		}
		left -= share
	}
	return 0
}

// prepare makes an organization with its users, or finds those of an earlier run.
func (l *layout) prepare(ctx context.Context, db *pg.DB, o Options, organization Organization, hash string) error {
	return db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		var err error
		if l.org, err = q.findOrganization(ctx, organization.Name); errors.Is(err, pgx.ErrNoRows) {
			l.org, err = org.Create(ctx, tx, organization.Name, timeZone)
		}
		if err != nil {
			return err
		}
		if err := l.agree(ctx, q, o); err != nil {
			return err
		}
		if err := l.hire(ctx, q, o.Users*organization.Percent/100, organization.Name, hash); err != nil {
			return err
		}
		return l.readFormats(ctx, q)
	})
}

// agree keeps the plan at the first start, and refuses another one at a later start.
func (l *layout) agree(ctx context.Context, q *Queries, o Options) error {
	plan := kept{Plan: o.Plan, End: o.End.UTC().Truncate(time.Second)}
	raw, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	if err := q.keepPlan(ctx, keepPlanParams{OrgID: l.org, Value: raw}); err != nil {
		return fmt.Errorf("keep the plan: %w", err)
	}
	if raw, err = q.readPlan(ctx, l.org); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	var first kept
	if err := json.Unmarshal(raw, &first); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if first.Plan != o.Plan {
		return errs.Field("bags", "invalid_seed", "This database was seeded with --bags %d --seed %d. Use the same to go on, or another database.", first.Bags, first.Seed)
	}
	l.end = first.End
	return nil
}

// RoleOf is the role of an organization's i-th account for load: of fifty people one is an admin, nine are billers, and the rest scan.
func RoleOf(i int) authz.Role {
	switch {
	case i%50 == 2:
		return authz.Admin
	case i%5 == 2:
		return authz.Biller
	default:
		return authz.Dispatcher
	}
}

// hire makes the three named users, and some for load.
func (l *layout) hire(ctx context.Context, q *Queries, load int, name, hash string) error {
	users := insertUsersParams{OrgID: l.org, PasswordHash: hash, CreatedAt: l.end.Add(-span)}
	for _, role := range []authz.Role{authz.Admin, authz.Biller, authz.Dispatcher} {
		users.Usernames, users.Roles = append(users.Usernames, name+"-"+string(role)), append(users.Roles, string(role))
	}
	for i := range load {
		users.Usernames, users.Roles = append(users.Usernames, fmt.Sprintf("%s-load-%05d", name, i+1)), append(users.Roles, string(RoleOf(i)))
	}
	if err := q.insertUsers(ctx, users); err != nil {
		return fmt.Errorf("make the users: %w", err)
	}
	there, err := q.usersOf(ctx, l.org)
	for _, u := range there {
		switch u.Username {
		case name + "-admin":
			l.people.admin = u.ID
		case name + "-biller":
			l.people.biller = u.ID
		case name + "-dispatcher":
			l.people.dispatchers = append(l.people.dispatchers, u.ID)
		}
	}
	return err
}

func (l *layout) readFormats(ctx context.Context, q *Queries) error {
	there, err := q.formats(ctx, l.org)
	if err != nil {
		return fmt.Errorf("read the formats: %w", err)
	}
	for _, f := range there {
		switch made := (format{id: f.ID, name: f.Name, capacity: int(f.Capacity), grams: weight.Grams(f.ChildGrams)}); {
		case f.Name == "mustard" && made.capacity == mustardFull:
			l.formats[0] = made
		case f.Name == "moong" && made.capacity == moongFull:
			l.formats[1] = made
		}
	}
	if l.formats[0].id == 0 || l.formats[1].id == 0 {
		return errs.New(errs.Conflict, "invalid_seed", "The formats of this organization were changed since it was seeded.")
	}
	return nil
}

// makeRoom makes the months of the history, and moves the ids of what is to come behind those of the seed.
func makeRoom(ctx context.Context, db *pg.DB, layouts []*layout) error {
	q := New(db.Pool())
	first := layouts[0].end.Add(-span)
	if _, err := q.makePartitions(ctx, makePartitionsParams{FromMonth: first, ToMonth: layouts[0].end}); err != nil {
		return fmt.Errorf("make the months of the history: %w", err)
	}
	ids := advanceIDsParams{}
	for _, l := range layouts {
		ids.Bags, ids.Bills = max(ids.Bags, parentID(len(l.children))), max(ids.Bills, int64(l.billCount))
	}
	if err := q.advanceIDs(ctx, ids); err != nil {
		return fmt.Errorf("move the ids on: %w", err)
	}
	return nil
}

// work is a chunk that is to be made.
type work struct {
	*layout
	chunk int
}

// fill makes the chunks that are missing: one by itself, at which the database then looks, and the others by a worker for each
// processor. Else it would check their foreign keys by plans for empty tables, and read a whole index for each row.
func fill(ctx context.Context, db *pg.DB, layouts []*layout, o Options) error {
	todo, done, err := missing(ctx, db, layouts)
	if err != nil || len(todo) == 0 {
		return err
	}
	first := todo[0]
	if err := first.make(ctx, db); err != nil {
		return err
	}
	done += first.bagsOf(first.chunk)
	o.Progress(done, o.Bags)
	if err := analyze(ctx, db); err != nil {
		return err
	}
	todo = todo[1:]
	progress := make(chan int, len(todo))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	group.Go(func() error {
		for range todo {
			select {
			case bags := <-progress:
				done += bags
				o.Progress(done, o.Bags)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for _, w := range todo {
		group.Go(func() error {
			err := w.make(ctx, db)
			if err == nil {
				progress <- w.bagsOf(w.chunk)
			}
			return err
		})
	}
	return group.Wait()
}

func (w work) make(ctx context.Context, db *pg.DB) error {
	if err := w.copyInto(ctx, db, w.chunk); err != nil {
		return fmt.Errorf("make chunk %d of organization %d: %w", w.chunk, w.org, err)
	}
	return nil
}

// missing gives the chunks that are not there yet, and how many bags the others have.
func missing(ctx context.Context, db *pg.DB, layouts []*layout) ([]work, int, error) {
	var todo []work
	done := 0
	for _, l := range layouts {
		firsts := make([]int64, l.chunks())
		for chunk := range firsts {
			bill, _ := l.billsOf(chunk)
			firsts[chunk] = parentID(l.firstParentOf(bill))
		}
		there, err := New(db.Pool()).finishedParents(ctx, finishedParentsParams{OrgID: l.org, Ids: firsts})
		if err != nil {
			return nil, 0, fmt.Errorf("look for what is there: %w", err)
		}
		finished := map[int64]bool{}
		for _, id := range there {
			finished[id] = true
		}
		for chunk, first := range firsts {
			if finished[first] {
				done += l.bagsOf(chunk)
			} else {
				todo = append(todo, work{l, chunk})
			}
		}
	}
	return todo, done, nil
}
