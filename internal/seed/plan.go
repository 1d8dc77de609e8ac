// Package seed makes synthetic warehouses of any size: parents and children, bills, and a year of history, the same for
// the same seed. It is for load tests and for trying things out at size; what it makes obeys every rule of the domain.
package seed

import (
	"fmt"
	"math/rand/v2"
	"time"

	"traitortrack/internal/errs"
	"traitortrack/internal/weight"
)

// Plan says what is made.
type Plan struct {
	Bags int    `json:"bags"` // in all organizations together
	Seed uint64 `json:"seed"` // the same seed makes the same bags
}

// Organization is one of the warehouses that are made, and its part of the bags in percent.
type Organization struct {
	Name    string
	Percent int
}

// Organizations are three of different sizes.
func Organizations() []Organization {
	return []Organization{{"seed-a", 60}, {"seed-b", 30}, {"seed-c", 10}}
}

// Bounds of a plan. More bags than mostBags would need more parents' codes than there are.
const (
	fewestBags = 10
	mostBags   = 25_000_000
)

func (p Plan) check() error {
	if p.Bags < fewestBags || p.Bags > mostBags {
		return errs.Field("bags", "invalid_seed", "A seed makes %d to %d bags.", fewestBags, mostBags)
	}
	return nil
}

const (
	bagsPerBill  = 45 // 40,000 bills for 1.8 million bags
	manyScans    = 10 // of a bag, over a year
	manyBags     = 5_000_000
	mustardFull  = 30
	moongFull    = 15
	moongEvery   = 6 // every sixth parent holds moong
	billsInChunk = 40
	span         = 365 * 24 * time.Hour
	recount      = 30 * 24 * time.Hour // a bag is scanned again for so long after its first scan
	receiptsFor  = 45 * 24 * time.Hour
	freshFor     = 25 * time.Hour // the totals of so long are kept by quarter hours, and scans by who made them
)

// layout is an organization's plan, spread out: how many children each parent's story has, and where the bills divide.
type layout struct {
	number    int // of the organization among the three
	org       int64
	plan      Plan
	end       time.Time // the history ends here, and began a year before
	formats   [2]format // mustard and moong
	people    people
	scansEach int     // of each bag
	children  []uint8 // of each parent
	billCount int
}

type format struct {
	id       int64
	name     string
	capacity int
	grams    weight.Grams
}

// people are the users whose work the history is.
type people struct {
	admin, biller int64
	dispatchers   []int64
}

// spread lays out so many bags: sizes are drawn until they are used up.
func (l *layout) spread(bags int) {
	rng := rand.New(rand.NewPCG(l.plan.Seed, uint64(l.number)<<1|1)) //nolint:gosec // the same seed gives the same warehouse
	for left := bags; left > 0; {
		n := min(l.size(rng, len(l.children)), left-1)
		l.children = append(l.children, uint8(n)) //nolint:gosec // at most the 30 of a format
		left -= 1 + n
	}
	l.billCount = max(1, bags/bagsPerBill)
	l.scansEach = 1
	if l.plan.Bags <= manyBags {
		l.scansEach = manyScans
	}
}

// size draws how many children a parent gets: six in ten are full, one in twenty is empty.
func (l *layout) size(rng *rand.Rand, parent int) int {
	capacity := l.formatOf(parent).capacity
	switch roll := rng.IntN(100); {
	case roll < 60:
		return capacity
	case roll < 65:
		return 0
	default:
		return 1 + rng.IntN(capacity-1)
	}
}

func (l *layout) formatOf(parent int) format {
	if parent%moongEvery == moongEvery-1 {
		return l.formats[1]
	}
	return l.formats[0]
}

// parentCode and childCode number the codes. No two parents share a number, and no child's code is a parent's.
func parentCode(parent int) string {
	if parent%moongEvery == moongEvery-1 && parent/moongEvery < 100_000 {
		return fmt.Sprintf("M444-%05d", parent/moongEvery)
	}
	return fmt.Sprintf("SB%06d", 100_000+parent)
}

func childCode(parent, child int) string { return fmt.Sprintf("C%09d", parent*mustardFull+child) }

// Ids follow the codes: a parent's comes before those of its children, and leaves room for all of them.
func parentID(parent int) int64       { return int64(parent)*(mustardFull+1) + 1 }
func childID(parent, child int) int64 { return parentID(parent) + 1 + int64(child) }

// firstParentOf gives the first parent that belongs to a bill's stretch. Bills divide the parents evenly.
func (l *layout) firstParentOf(bill int) int {
	return int(int64(bill) * int64(len(l.children)) / int64(l.billCount))
}

// chunks is how many chunks the layout has. A chunk is made in one transaction: some bills and the parents that belong to
// them.
func (l *layout) chunks() int { return (l.billCount + billsInChunk - 1) / billsInChunk }

// billsOf gives the first bill of a chunk, and the first behind it.
func (l *layout) billsOf(chunk int) (int, int) {
	return chunk * billsInChunk, min(l.billCount, (chunk+1)*billsInChunk)
}

// bagsOf is how many bags a chunk has.
func (l *layout) bagsOf(chunk int) int {
	from, to := l.billsOf(chunk)
	n := 0
	for parent := l.firstParentOf(from); parent < l.firstParentOf(to); parent++ {
		n += 1 + int(l.children[parent])
	}
	return n
}

// began is when a parent was opened: the parents follow each other through the year.
func (l *layout) began(parent int) time.Time {
	return l.end.Add(-span).Add(time.Duration(float64(span) * (float64(parent) + 0.5) / float64(len(l.children)+1)))
}
