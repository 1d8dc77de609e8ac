package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/bill"
	"traitortrack/internal/errs"
)

// shift is the demo's last day under way: the warehouse's own verbs, called under a clock that runs through that day.
// Scans carry ids made from what they are, so that a day that was cut short is worked again without doubling anything.
type shift struct {
	stores
	crew crew
	at   time.Time
}

// demoParent is one parent of the demo's day: when it was begun, and how many children it holds in the end.
type demoParent struct {
	code     string
	begun    time.Time
	children int
}

// work fills the warehouse as the last day would have: parents around the clock, fewer at night, and five bills.
func work(ctx context.Context, p *program, people crew, now time.Time) error {
	s := &shift{crew: people}
	s.stores = wireStores(p.db, 0, func() time.Time { return s.at })
	day := plan(now)
	for i, parent := range day {
		if err := s.fill(ctx, i, parent); err != nil {
			return err
		}
	}
	if err := s.stumble(ctx, day); err != nil {
		return err
	}
	return s.dispatch(ctx, day, now)
}

// plan lays out the parents of the last 23 hours. By the warehouse's clock, six in the morning to ten at night is busy.
func plan(now time.Time) []demoParent {
	zone := time.FixedZone("IST", 5*3600+1800)
	var day []demoParent
	for at, n := now.Add(-23*time.Hour), 0; at.Before(now.Add(-20 * time.Minute)); at, n = at.Add(25*time.Minute), n+1 {
		if hour := at.In(zone).Hour(); (hour < 6 || hour >= 22) && n%4 != 0 {
			continue
		}
		children := 30
		switch {
		case len(day)%11 == 7:
			children = 24 // closed by hand
		case now.Sub(at) < 75*time.Minute:
			children = 12 + 5*(n%3) // still open
		}
		day = append(day, demoParent{code: fmt.Sprintf("SB%05d", len(day)+1), begun: at, children: children})
	}
	return append(day, demoParent{code: fmt.Sprintf("SB%05d", len(day)+1), begun: now.Add(-9 * time.Minute)})
}

// who scans: mostly the dispatcher.
func (s *shift) who(n int) authz.Actor {
	switch n % 7 {
	case 3:
		return s.crew[authz.Biller]
	case 6:
		return s.crew[authz.Admin]
	default:
		return s.crew[authz.Dispatcher]
	}
}

// fill opens a parent and scans its children in handfuls, a minute apart.
func (s *shift) fill(ctx context.Context, n int, p demoParent) error {
	s.at = p.begun
	who := s.who(n)
	if err := s.scan(ctx, who, request("", p.code)); err != nil {
		return err
	}
	const handful = 8
	for first := 0; first < p.children; first += handful {
		s.at = s.at.Add(70 * time.Second)
		var scans []bag.Request
		for i := first; i < min(first+handful, p.children); i++ {
			scans = append(scans, request(p.code, childCode(n, i)))
		}
		if err := s.scan(ctx, who, scans...); err != nil {
			return err
		}
	}
	if p.children != 24 {
		return nil
	}
	_, err := s.bags.Close(ctx, who, p.code)
	return err
}

func childCode(parent, n int) string { return fmt.Sprintf("C%06d", parent*40+n+1) }

// request makes a scan whose id says what it is.
func request(parent, code string) bag.Request {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("traitortrack demo "+parent+" "+code))
	return bag.Request{ScanID: id, Code: code, Parent: parent}
}

func (s *shift) scan(ctx context.Context, who authz.Actor, scans ...bag.Request) error {
	results, err := s.bags.Scan(ctx, who, scans)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Refused != nil && r.Refused.Kind == errs.Internal {
			return r.Refused
		}
	}
	return nil
}

// stumble adds what happens on any day: a child read twice, children of other parents, and one taken out again.
func (s *shift) stumble(ctx context.Context, day []demoParent) error {
	who := s.crew[authz.Dispatcher]
	for n, p := range day[:len(day)-1] {
		if n%6 != 2 || n == 0 {
			continue
		}
		s.at = p.begun.Add(2 * time.Minute)
		again := bag.Request{ScanID: uuid.NewSHA1(uuid.NameSpaceURL, []byte("again "+p.code)), Code: childCode(n, 1), Parent: p.code}
		if err := s.scan(ctx, who, again, request(p.code, childCode(n-1, 3))); err != nil {
			return err
		}
	}
	last := len(day) - 2
	s.at = day[last].begun.Add(6 * time.Minute)
	_, err := s.bags.Unlink(ctx, s.crew[authz.Biller], childCode(last, 4))
	if e := errs.As(err); e != nil && e.Code == "not_linked" { // taken out in a day that was cut short
		return nil
	}
	return err
}

// demoBill is one bill of the demo's day.
type demoBill struct {
	number, description string
	capacity, parents   int
}

func demoBills(now time.Time) []demoBill {
	first := now.Year()
	if now.Month() < time.April { // the fiscal year begins in April
		first--
	}
	number := func(n int) string { return fmt.Sprintf("INV/%d-%02d/%04d", first, (first+1)%100, n) }
	return []demoBill{
		{number(412), "Mustard seed, Agrawal Oil Mills, Kota. Truck RJ 20 GA 4417", 6, 6},
		{number(413), "Mustard seed, Shree Balaji Traders, Alwar. Truck RJ 02 GB 1189", 5, 5},
		{number(414), "Mustard seed, Gupta Brothers, Bharatpur", 8, 5},
		{number(415), "Mustard seed, Sharma Agro, Jaipur mandi", 10, 2},
		{number(416), "Mustard seed, Krishna Oil Mill, Tonk. Waiting for the truck", 4, 0},
	}
}

// dispatch puts full parents on bills, and completes the bills that are full.
func (s *shift) dispatch(ctx context.Context, day []demoParent, now time.Time) error {
	biller := s.crew[authz.Biller]
	next := 0
	for n, b := range demoBills(now) {
		s.at = now.Add(time.Duration(n-5) * 40 * time.Minute)
		_, err := s.bills.Create(ctx, biller, bill.Draft{Number: b.number, Description: b.description, Capacity: b.capacity})
		if e := errs.As(err); err != nil && (e == nil || e.Code != "bill_exists") {
			return err
		}
		for added := 0; added < b.parents; next++ {
			if day[next].children != 30 {
				continue
			}
			s.at = s.at.Add(2 * time.Minute)
			id := request(b.number, day[next].code).ScanID
			if _, err := s.bills.Add(ctx, biller, b.number, day[next].code, &id); err != nil {
				return err
			}
			added++
		}
		if b.parents < b.capacity {
			continue
		}
		if _, err := s.bills.Complete(ctx, biller, b.number); err != nil {
			return err
		}
	}
	return nil
}
