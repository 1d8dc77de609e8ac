package audit

import (
	"context"
	"fmt"
	"time"
)

// trail walks over what the seals hold of one month, and proves the month's rows as they come by in the same order.
type trail struct {
	q       *Queries
	keys    Keys
	month   [2]time.Time // its beginning, and the beginning of the next
	seq     int64        // of the next seal
	seals   []SealedSeal
	entries []byte // those of the present seal that are still to come
}

// clockSkew is how far the clocks of our instances and of the database may lie apart.
const clockSkew = 24 * time.Hour

// newTrail begins before the first seal that can hold a row of the month.
func newTrail(ctx context.Context, q *Queries, keys Keys, month time.Time) (*trail, error) {
	first, err := q.sealSince(ctx, month.Add(-clockSkew))
	if err != nil {
		return nil, fmt.Errorf("find the first seal of a month: %w", err)
	}
	return &trail{q: q, keys: keys, month: [2]time.Time{month, month.AddDate(0, 1, 0)}, seq: first}, nil
}

// take proves the month's next row, and gives its entry.
func (t *trail) take(ctx context.Context, r row) (entry, error) {
	e := r.entry()
	sealed, ok, err := t.next(ctx)
	switch {
	case err != nil:
		return e, err
	case !ok:
		return e, unproven("%s has no seal", name(e.key()))
	case sealed.key() != e.key():
		return e, unproven("%s was removed since it was sealed, or %s was slipped in", name(sealed.key()), name(e.key()))
	case sealed != e:
		return e, unproven("%s was changed since it was sealed", name(e.key()))
	}
	return e, nil
}

// end proves that no row is missing behind the last one.
func (t *trail) end(ctx context.Context) error {
	sealed, ok, err := t.next(ctx)
	if err == nil && ok {
		err = unproven("%s was removed since it was sealed", name(sealed.key()))
	}
	return err
}

func unproven(format string, args ...any) error {
	return fmt.Errorf(format+". Nothing was moved; traitortrack audit verify tells more", args...)
}

// next gives the month's next entry, and false behind the last seal. A row may be sealed long after it was written, where
// a transaction stayed open: the walk goes on to the end of the chain.
func (t *trail) next(ctx context.Context) (entry, bool, error) {
	for {
		for len(t.entries) > 0 {
			e := entry(t.entries[:entrySize])
			t.entries = t.entries[entrySize:]
			if at := timeOf(e.key()); !at.Before(t.month[0]) && at.Before(t.month[1]) {
				return e, true, nil
			}
		}
		if more, err := t.turn(ctx); err != nil || !more {
			return entry{}, false, err
		}
	}
}

// turn goes on to the next seal.
func (t *trail) turn(ctx context.Context) (bool, error) {
	if len(t.seals) == 0 {
		var err error
		if t.seals, err = t.q.seals(ctx, sealsParams{FromSeq: t.seq, Most: sealsAtOnce}); err != nil {
			return false, fmt.Errorf("read the seals: %w", err)
		}
		if len(t.seals) == 0 {
			return false, nil
		}
	}
	s := t.seals[0]
	if t.keys.signer(s.message(), s.Mac) < 0 {
		return false, unproven("%s was changed, or was not made with the key", s.name())
	}
	t.entries, t.seals, t.seq = s.Entries, t.seals[1:], s.Seq+1
	return true, nil
}
