//go:build drill

package bill_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/devstack"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/migrations"
)

// workers is how many people work at once, half of them on each of two instances.
const workers = 64

// shift is people at work on one organization until the time is over.
type shift struct {
	bags  [2]*bag.Store
	bills [2]*bill.Store
	who   []authz.Actor
	away  func(error) bool // the errors that this drill brings about

	mu     sync.Mutex
	acked  []uuid.UUID // scans that a caller was told are in
	steps  int
	faults []string
}

func begin(t *testing.T, url string, away func(error) bool) (*shift, *pg.DB) {
	t.Helper()
	s := &shift{away: away}
	var db *pg.DB
	for i := range s.bags {
		db = pgtest.Open(t, url)
		orgs := org.NewStore(db, time.Second, time.Now)
		s.bags[i], s.bills[i] = bag.NewStore(db, orgs, time.Now), bill.NewStore(db, orgs, time.Now)
	}
	orgID := pgtest.Org(t, db)
	for range workers {
		s.who = append(s.who, pgtest.User(t, db, orgID, authz.Admin, ""))
	}
	return s, db
}

// work has everybody take random steps among few bags and bills, so that they meet.
func (s *shift) work(ctx context.Context) {
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				// A step is not cut short: the drill is about the database, not about callers who go away.
				err := s.step(context.WithoutCancel(ctx), i)
				s.note(i, err)
			}
		})
	}
	all.Wait()
}

func (s *shift) note(worker int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	e := errs.As(err)
	if err == nil || e != nil && (e.Kind == errs.Conflict || e.Kind == errs.NotFound || e.Kind == errs.Forbidden || e.Kind == errs.Invalid) || s.away(err) {
		return
	}
	s.faults = append(s.faults, fmt.Sprintf("worker %d: %v (%v)", worker, err, errors.Unwrap(err)))
}

func (s *shift) step(ctx context.Context, i int) error {
	bags, bills, who := s.bags[i%2], s.bills[i%2], s.who[i]
	parent, number := fmt.Sprintf("SB%05d", rand.N(12)), fmt.Sprintf("N%d", rand.N(4))
	var err error
	switch rand.N(12) {
	case 0, 1, 2, 3, 4:
		err = s.scan(ctx, bags, who, 1)
	case 5:
		err = s.scan(ctx, bags, who, 20)
	case 6:
		_, err = bags.Unlink(ctx, who, child())
	case 7:
		_, err = bags.Close(ctx, who, parent)
	case 8:
		if _, err = bills.Add(ctx, who, number, parent, nil); errs.As(err) != nil && errs.As(err).Code == "bill_not_found" {
			_, err = bills.Create(ctx, who, bill.Draft{Number: number, Capacity: 1 + rand.N(3)})
		}
	case 9:
		_, err = bills.Remove(ctx, who, number, parent)
	case 10:
		if _, err = bills.Complete(ctx, who, number); err == nil {
			_, err = bills.Reopen(ctx, who, number)
		}
	default:
		_, err = bills.Delete(ctx, who, number)
	}
	return err
}

func child() string { return fmt.Sprintf("C%05d", rand.N(400)) }

// scan scans n children into random parents, and remembers which of them were answered.
func (s *shift) scan(ctx context.Context, bags *bag.Store, who authz.Actor, n int) error {
	var batch []bag.Request
	for range n {
		batch = append(batch, bag.Request{ScanID: uuid.New(), Code: child(), Parent: fmt.Sprintf("SB%05d", rand.N(12))})
	}
	results, err := bags.Scan(ctx, who, batch)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		if r.Refused != nil && r.Refused.Kind == errs.Internal {
			return r.Refused
		}
		s.acked = append(s.acked, r.ScanID)
	}
	return nil
}

// check compares what callers were told with the rows, and what the rows say of each other.
func (s *shift) check(t *testing.T, db *pg.DB) {
	t.Helper()
	t.Logf("%d steps, %d scans answered", s.steps, len(s.acked))
	for _, fault := range s.faults[:min(len(s.faults), 10)] {
		t.Error(fault)
	}
	for name, sql := range map[string]string{
		"scans that were answered and are not there once": `SELECT count(*) FROM unnest($1::uuid[]) a(id)
			LEFT JOIN (SELECT id, count(*) AS n FROM scan GROUP BY id) s USING (id) WHERE coalesce(s.n, 0) <> 1`,
		"parents whose count or weight is not their children's": `SELECT count(*) FROM bag b WHERE kind = 'parent' AND cardinality($1::uuid[]) >= 0 AND
			(children, weight_grams) <> (SELECT count(*), coalesce(sum(weight_grams), 0) FROM link WHERE parent_id = b.id)`,
		"children whose mark is not their link": `SELECT count(*) FROM bag b WHERE kind = 'child' AND cardinality($1::uuid[]) >= 0 AND
			linked <> EXISTS (SELECT FROM link WHERE child_id = b.id)`,
		"bills whose count is not their parents'": `SELECT count(*) FROM bill b WHERE cardinality($1::uuid[]) >= 0 AND
			linked <> (SELECT count(*) FROM bill_bag WHERE bill_id = b.id)`,
		"totals that are not the rows'": `SELECT count(*) FROM (SELECT sum(parents) p, sum(children) c, sum(links) l, sum(accepted + duplicate + refused) s FROM tally) t
			WHERE cardinality($1::uuid[]) >= 0 AND (p, c, l, s) <> (SELECT count(*) FILTER (WHERE kind = 'parent'), count(*) FILTER (WHERE kind = 'child'),
				(SELECT count(*) FROM link), (SELECT count(*) FROM scan WHERE event = 'scan') FROM bag)`,
	} {
		var n int
		if err := db.Pool().QueryRow(t.Context(), sql, s.acked).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestDrillNoDeadlockReachesAClient(t *testing.T) {
	s, db := begin(t, pgtest.URL(t), func(error) bool { return false })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s.work(ctx)
	if s.steps < 1000 {
		t.Errorf("only %d steps in 30 seconds", s.steps)
	}
	s.check(t, db)
}

func TestDrillPostgreSQLIsKilledInTheMiddle(t *testing.T) {
	dir := pgtest.Folder(t)
	stack, err := devstack.Start(t.Context(), devstack.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := migrations.Up(t.Context(), stack.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	s, db := begin(t, stack.DatabaseURL, func(err error) bool { e := errs.As(err); return e != nil && e.Kind == errs.Unavailable })
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.work(ctx) })
	time.Sleep(5 * time.Second)
	kill(t, dir)
	old := stack.DatabaseURL
	stack = again(t, stack, dir)
	if stack.DatabaseURL != old {
		t.Fatalf("the database came back at another address")
	}
	s.mu.Lock()
	before := len(s.acked)
	s.mu.Unlock()
	time.Sleep(5 * time.Second)
	cancel()
	all.Wait()
	if before == 0 || len(s.acked) == before {
		t.Errorf("%d scans were answered before the database was killed, and %d after", before, len(s.acked)-before)
	}
	s.check(t, db)
}

// kill kills the database's first process, which takes the others with it, as a power cut would.
func kill(t *testing.T, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// again starts the database on the same data. Its orphans may take a moment to notice that they are.
func again(t *testing.T, dead *devstack.Stack, dir string) *devstack.Stack {
	t.Helper()
	if err := dead.Stop(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	stack, err := devstack.Start(t.Context(), devstack.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}
