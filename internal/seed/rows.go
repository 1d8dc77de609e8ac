package seed

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/tally"
)

// rows are what a chunk adds to each table, in the order of the columns in copy.go.
type rows struct {
	bags, links, bills, billBags, scans, receipts, audits [][]any
	tallies                                               map[time.Time]*tally.Delta // by quarter; what is older than a day is one
	scanners                                              map[scanner]*tally.Delta
}

// scanner is somebody who scanned on the last day.
type scanner struct {
	day  string
	user int64
}

// drawing draws one chunk. It is a function of the layout and the chunk's number alone.
type drawing struct {
	*layout
	rows
	rng *rand.Rand
}

func (l *layout) draw(chunk int) rows {
	d := drawing{layout: l, rng: rand.New(rand.NewPCG(l.plan.Seed^uint64(l.number)<<32, uint64(chunk)))} //nolint:gosec // the same seed gives the same warehouse
	d.tallies, d.scanners = map[time.Time]*tally.Delta{}, map[scanner]*tally.Delta{}
	from, to := l.billsOf(chunk)
	for bill := from; bill < to; bill++ {
		var loaded []loaded
		for parent := l.firstParentOf(bill); parent < l.firstParentOf(bill+1); parent++ {
			if p := d.parent(parent); p.children > 0 && d.rng.IntN(100) < 92 {
				loaded = append(loaded, p)
			}
		}
		d.bill(bill, loaded)
	}
	return d.rows
}

// loaded is a parent that may go onto a bill.
type loaded struct {
	id       int64
	code     string
	children int
	last     time.Time
}

// parent draws a parent with its children, and the history of both.
func (d *drawing) parent(n int) loaded {
	f, began, who := d.formatOf(n), d.began(n), d.people.dispatchers[d.rng.IntN(len(d.people.dispatchers))]
	p := loaded{id: parentID(n), code: parentCode(n), last: began}
	full := int(d.children[n]) == f.capacity
	d.scan(p.code, "", "opened", "", who, began)
	for range d.scansEach - 1 {
		d.scan(p.code, "", "resumed", "", who, d.later(began))
	}
	for c := range int(d.children[n]) {
		at := d.capped(began.Add(time.Duration(c+1) * 20 * time.Second))
		if !d.child(n, c, p, f, who, at, !full && d.rng.IntN(50) == 0) {
			continue
		}
		p.children++
		p.last = at
	}
	closed := p.children > 0 && p.children < f.capacity && d.rng.IntN(10) < 3
	if closed {
		p.last = d.capped(p.last.Add(time.Minute))
		d.event("close", "done", p.code, "", "", who, p.last)
		d.audit("close_parent", "bag", p.code, who, p.last, nil, d.summary(p, f, "in_progress"), d.summary(p, f, "completed"))
	}
	d.bags = append(d.bags, []any{d.org, p.id, "parent", p.code, f.id, d.area(), f.capacity, int32(f.grams), p.children, //nolint:gosec // a child of a format weighs a kilogram
		int64(f.grams) * int64(p.children), closed, false, who, began, p.last})
	d.count(began).Parents++
	return p
}

// summary is a parent as the audit log keeps it.
func (d *drawing) summary(p loaded, f format, status string) map[string]any {
	return map[string]any{"code": p.code, "children": p.children, "capacity": f.capacity, "status": status, "weight_kg": float64(int64(f.grams)*int64(p.children)) / 1000}
}

// child draws a child and its history, and tells whether it still is in its parent.
func (d *drawing) child(n, c int, p loaded, f format, who int64, at time.Time, takenOut bool) bool {
	code, last := childCode(n, c), at
	d.scan(code, p.code, "linked", "", who, at)
	for range d.scansEach - 1 {
		again := d.later(at)
		if d.rng.IntN(20) == 0 {
			d.scan(code, parentCode(max(0, n-1)), "linked_elsewhere", p.code, who, again)
		} else {
			d.scan(code, p.code, "duplicate", "", who, again)
		}
		if again.After(last) {
			last = again
		}
	}
	d.count(at).Children++
	d.bags = append(d.bags, []any{d.org, childID(n, c), "child", code, nil, nil, 0, nil, 0, int64(0), false, !takenOut, who, at, last})
	if takenOut {
		out := d.capped(last.Add(time.Minute))
		d.event("unlink", "done", code, p.code, "", d.people.biller, out)
		d.audit("unlink", "bag", code, d.people.biller, out, nil, map[string]any{"parent": p.code}, map[string]any{})
		return false
	}
	d.links = append(d.links, []any{d.org, childID(n, c), p.id, int32(f.grams), who, at}) //nolint:gosec // a child of a format weighs a kilogram
	d.count(at).Links++
	return true
}

// bill draws a bill of some parents: most are completed, and one that found no parent is new.
func (d *drawing) bill(n int, parents []loaded) {
	who, created := d.people.biller, d.began(d.firstParentOf(n))
	for _, p := range parents {
		if p.last.After(created) {
			created = p.last
		}
	}
	number := fmt.Sprintf("INV/%d/%06d", created.Year(), n+1)
	capacity, id := max(1, len(parents)), int64(n)+1
	done := len(parents) > 0 && d.rng.IntN(100) < 85
	if !done {
		capacity += 1 + d.rng.IntN(3)
	}
	state := func(linked int, status string) map[string]any {
		return map[string]any{"number": number, "description": "", "capacity": capacity, "linked": linked, "status": status}
	}
	at := d.capped(created.Add(time.Hour))
	d.audit("create_bill", "bill", number, who, at, nil, nil, state(0, "new"))
	for i, p := range parents {
		on := d.capped(at.Add(time.Duration(i+1) * time.Minute))
		d.billBags = append(d.billBags, []any{d.org, p.id, id, who, on})
		d.event("bill", "linked", p.code, "", number, who, on)
		d.audit("bill_add", "bill", number, who, on, map[string]any{"parent": p.code}, state(i, statusOf(i, false)), state(i+1, "processing"))
	}
	var completedAt, completedBy any
	if done {
		completed := d.capped(at.Add(time.Hour))
		completedAt, completedBy = completed, who
		d.audit("complete_bill", "bill", number, who, completed, nil, state(len(parents), "processing"), state(len(parents), "completed"))
	}
	d.bills = append(d.bills, []any{d.org, id, number, strings.ToLower(number), "", capacity, len(parents), completedAt, completedBy, who, at})
	d.countBill(at, statusOf(len(parents), done))
}

func statusOf(linked int, done bool) string {
	switch {
	case done:
		return "completed"
	case linked > 0:
		return "processing"
	default:
		return "new"
	}
}

func (d *drawing) countBill(at time.Time, status string) {
	switch t := d.count(at); status {
	case "new":
		t.BillsNew++
	case "processing":
		t.BillsProcessing++
	case "completed":
		t.BillsCompleted++
	}
}

// scan draws one scan, with its receipt while that would still be kept, and counts it.
func (d *drawing) scan(code, parent, outcome, other string, who int64, at time.Time) {
	id := d.event("scan", outcome, code, parent, other, who, at)
	if at.After(d.end.Add(-receiptsFor)) {
		d.receipts = append(d.receipts, []any{d.org, id, at})
	}
	one := tally.Delta{}
	switch outcome {
	case "opened", "resumed", "linked":
		one.AcceptedScans++
	case "duplicate":
		one.DuplicateScans++
	default:
		one.RefusedScans++
	}
	all := d.count(at)
	*all = all.Plus(one)
	if at.After(d.end.Add(-freshFor)) {
		by := scanner{at.In(indian).Format(time.DateOnly), who}
		if d.scanners[by] == nil {
			d.scanners[by] = &tally.Delta{}
		}
		*d.scanners[by] = d.scanners[by].Plus(one)
	}
}

// event draws a line of a bag's story.
func (d *drawing) event(event, outcome, code, parent, other string, who int64, at time.Time) uuid.UUID {
	id := d.uuid()
	d.scans = append(d.scans, []any{d.org, at, id, event, outcome, code, optional(parent), optional(other), who, "Chrome on Android"})
	return id
}

func (d *drawing) audit(action, entity, id string, who int64, at time.Time, details, before, after map[string]any) {
	if details == nil {
		details = map[string]any{}
	}
	d.audits = append(d.audits, []any{d.org, at, who, action, entity, id, raw(details), raw(before), raw(after), "seed"})
}

func raw(state map[string]any) any {
	if state == nil {
		return nil
	}
	text, _ := json.Marshal(state) // texts and numbers always can be
	return text
}

// count gives the totals that a moment is counted in.
func (d *drawing) count(at time.Time) *tally.Delta {
	if at.Before(d.end.Add(-freshFor)) {
		at = d.end.Add(-2 * freshFor)
	}
	quarter := at.UTC().Truncate(tally.Quarter)
	if d.tallies[quarter] == nil {
		d.tallies[quarter] = &tally.Delta{}
	}
	return d.tallies[quarter]
}

// later draws a moment within the weeks after another, before the end.
func (d *drawing) later(at time.Time) time.Time {
	room := max(time.Millisecond, min(recount, d.end.Sub(at)))
	return at.Add(time.Duration(d.rng.Int64N(int64(room)))).Truncate(time.Microsecond)
}

// capped keeps a moment from lying behind the end.
func (d *drawing) capped(at time.Time) time.Time {
	if at.After(d.end) {
		at = d.end
	}
	return at.Truncate(time.Microsecond)
}

func (d *drawing) area() any {
	return []any{nil, nil, nil, "North", "South"}[d.rng.IntN(5)]
}

func (d *drawing) uuid() uuid.UUID {
	var id uuid.UUID
	for i := range 2 {
		half := d.rng.Uint64()
		for j := range 8 {
			id[8*i+j] = byte(half >> (8 * j)) //nolint:gosec // one byte after the other
		}
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, as RFC 9562 has it
	return id
}

func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}
