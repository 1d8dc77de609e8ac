package bag_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// What BenchmarkPoolSize does for each size of a pool: so many callers at once, for so long.
const (
	poolCallers = 64
	poolFor     = 3 * time.Second
)

// BenchmarkPoolSize asks what a pool's size is good for, all sizes on one durable server in one run, and prints a table for
// docs/scaling-10k.md: scans of one organization, which commit in groups and so need one connection; scans of as many
// organizations as there are callers, of which each needs its own; and pages of the list of bags.
func BenchmarkPoolSize(b *testing.B) {
	_, url := durable(b)
	printPoolHead()
	for b.Loop() {
		for _, size := range []int32{2, 4, 8, 16, 32, 64} {
			db, err := pg.Open(b.Context(), pg.Options{URL: url, MinConns: size, MaxConns: size})
			if err != nil {
				b.Fatal(err)
			}
			one, many := hireFor(b, db, 1), hireFor(b, db, poolCallers)
			store := bag.NewStore(db, org.NewStore(db, time.Minute, time.Now), time.Now)
			fmt.Printf("| %d | %s | %s | %s |\n", size, scanAs(b, store, one), scanAs(b, store, many), listAs(b, store, one))
			db.Close()
		}
	}
}

// printPoolHead says when and where, and how busy the machine was, without which the figures mean nothing.
func printPoolHead() {
	load, _, _ := strings.Cut(busy(), " ")
	fmt.Printf("\n%s: %d processors for the program and the database together, %d callers, a load of %s before.\n\n",
		time.Now().UTC().Format("2 January 2006, 15:04 UTC"), runtime.NumCPU(), poolCallers, load)
	fmt.Println("| connections | scans/s, one organization | scans/s, as many organizations as callers | pages of bags/s |")
	fmt.Println("|---|---|---|---|")
}

func busy() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return string(raw)
}

// hireFor makes a dispatcher for each caller, in so many organizations.
func hireFor(b *testing.B, db *pg.DB, organizations int) []authz.Actor {
	b.Helper()
	var people []authz.Actor
	for len(people) < poolCallers {
		orgID := pgtest.Org(b, db)
		for range poolCallers / organizations {
			people = append(people, pgtest.User(b, db, orgID, authz.Dispatcher, ""))
		}
	}
	return people
}

func scanAs(b *testing.B, store *bag.Store, people []authz.Actor) string {
	b.Helper()
	return often(people, func(who authz.Actor, i, done int) {
		q := bag.Request{Code: fmt.Sprintf("C%03d%06d", i, done), Parent: fmt.Sprintf("SB%06d", i*1000+done/30)}
		if results, err := store.Scan(b.Context(), who, []bag.Request{q}); err != nil || results[0].Outcome != "linked" {
			b.Errorf("scan: %+v, %v", results, err)
		}
	})
}

func listAs(b *testing.B, store *bag.Store, people []authz.Actor) string {
	b.Helper()
	return often(people, func(who authz.Actor, _, _ int) {
		if list, err := store.List(b.Context(), who, bag.Filter{}); err != nil || len(list.Items) == 0 {
			b.Errorf("list: %d bags, %v", len(list.Items), err)
		}
	})
}

// often lets everybody do something again and again, and gives the rate and the 99th percentile of what it took.
func often(people []authz.Actor, do func(who authz.Actor, i, done int)) string {
	var mu sync.Mutex
	var all []time.Duration
	var count atomic.Int64
	ctx, stop := context.WithTimeout(context.Background(), poolFor)
	defer stop()
	together(len(people), func(i int) {
		var took []time.Duration
		for done := 0; ctx.Err() == nil; done++ {
			begun := time.Now()
			do(people[i], i, done)
			took = append(took, time.Since(begun))
			count.Add(1)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
	})
	slices.Sort(all)
	return fmt.Sprintf("%.0f (p99 %.0f ms)", float64(count.Load())/poolFor.Seconds(), float64(all[len(all)*99/100].Microseconds())/1000)
}
