package report

import (
	"context"
	"fmt"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/pg"
)

// shownEach is how many bags, and how many bills, a search offers.
const shownEach = 8

// Place is a thing that a search has found.
type Place struct {
	Kind   string // parent, child or bill
	Name   string // code of a bag, number of a bill
	Status string
}

// Found is what a search has found. Exact tells that the text names the only place in it.
type Found struct {
	Exact  bool
	Places []Place
}

// Locate finds what a text names, a bag's code or a bill's number, as it was typed or scanned. Where it names nothing, or a
// bag and a bill at once, a few places are offered: those that it names, else those whose names begin with it.
func (s *Store) Locate(ctx context.Context, actor authz.Actor, text string) (Found, error) {
	if err := actor.Require(authz.Scan); err != nil {
		return Found{}, err
	}
	bagCode, keys := code.Normalise(text), numberKeys(text)
	var found Found
	err := s.db.View(ctx, func(tx pg.Tx) error {
		places, err := named(ctx, New(tx), actor.OrgID, bagCode, keys)
		found = Found{Exact: len(places) == 1, Places: places}
		if err == nil && len(places) == 0 {
			found.Places, err = beginning(ctx, New(tx), actor.OrgID, bagCode, keys)
		}
		return err
	})
	return found, err
}

// named gives the bag and the bill of a name.
func named(ctx context.Context, q *Queries, orgID int64, bagCode string, keys []string) ([]Place, error) {
	bags, err := q.findBag(ctx, findBagParams{OrgID: orgID, Code: bagCode})
	if err != nil {
		return nil, fmt.Errorf("find bag %.60q: %w", bagCode, err)
	}
	bills, err := q.findBill(ctx, findBillParams{OrgID: orgID, Keys: keys})
	if err != nil {
		return nil, fmt.Errorf("find bill %.60q: %w", keys, err)
	}
	var places []Place
	for _, b := range bags {
		places = append(places, b.place())
	}
	for _, b := range bills {
		places = append(places, b.place())
	}
	return places, nil
}

// beginning gives the first bags and bills whose names begin with a text.
func beginning(ctx context.Context, q *Queries, orgID int64, bagCode string, keys []string) ([]Place, error) {
	var places []Place
	if bagCode != "" {
		bags, err := q.bagsFrom(ctx, bagsFromParams{OrgID: orgID, Prefix: bagCode, Behind: bagCode + lastRune, Most: shownEach})
		if err != nil {
			return nil, fmt.Errorf("bags from %.60q: %w", bagCode, err)
		}
		for _, b := range bags {
			places = append(places, findBagRow(b).place())
		}
	}
	for _, key := range keys {
		bills, err := q.billsFrom(ctx, billsFromParams{OrgID: orgID, Prefix: key, Behind: key + lastRune, Most: shownEach})
		if err != nil {
			return nil, fmt.Errorf("bills from %.60q: %w", key, err)
		}
		for _, b := range bills {
			places = append(places, findBillRow(b).place())
		}
	}
	return places, nil
}

// lastRune is behind every character of a code or a number.
const lastRune = "\U0010FFFF"

func (b findBagRow) place() Place { return Place{Kind: b.Kind, Name: b.Code, Status: b.Status} }

func (b findBillRow) place() Place { return Place{Kind: "bill", Name: b.Number, Status: b.Status} }

// numberKeys gives the keys of the bills that a text may name: as it stands, and without what a scanner puts in front of a
// code (]Q1), which a bill's number may begin with but seldom does.
func numberKeys(text string) []string {
	clean, err := code.CleanNumber(text)
	if err != nil {
		return nil
	}
	keys := []string{code.FoldNumber(clean)}
	if len(clean) > 3 && clean[0] == ']' {
		if rest, err := code.CleanNumber(clean[3:]); err == nil {
			keys = append(keys, code.FoldNumber(rest))
		}
	}
	return keys
}
