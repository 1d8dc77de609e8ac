package bag

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
)

// patience bounds how long a group may take, since its callers cannot cut it short.
const patience = 20 * time.Second

// Scan takes scans in their order and answers each, in the same order. Each is decided by itself: a refusal stands in its
// Result. The error is for all of them, and then those that were committed are safe to send again under their ids.
//
// The scans of callers who come at the same time are committed together. Once they are under way they end, even when the
// caller has gone.
func (s *Store) Scan(ctx context.Context, actor authz.Actor, requests []Request) ([]Result, error) {
	if err := actor.Require(authz.Scan); err != nil {
		return nil, err
	}
	// Read before the transaction: inside it, a second connection from the pool could be waited for in vain.
	organization, err := s.orgs.Get(ctx, actor.OrgID)
	if err != nil {
		return nil, err
	}
	readings, err := s.read(ctx, actor, requests)
	if err != nil {
		return nil, err
	}
	results := s.commit(ctx, organization, readings)
	s.gauges.tellAll(results)
	if len(results) < len(requests) {
		return nil, fmt.Errorf("%d of %d scans have no answer: the group's leader failed", len(requests)-len(results), len(requests))
	}
	for _, r := range results {
		if r.Refused != nil && r.Refused.Kind == errs.Unavailable {
			return nil, r.Refused
		}
	}
	return results, nil
}

// read recognises the scans' codes, and refuses those that are none.
func (s *Store) read(ctx context.Context, actor authz.Actor, requests []Request) ([]reading, error) {
	formats, err := s.orgs.Formats(ctx, actor.OrgID)
	if err != nil {
		return nil, err
	}
	now := s.now()
	readings := make([]reading, len(requests))
	for i, q := range requests {
		r, refused := judgeCodes(formats, q.Code, q.Parent)
		if late := judgeClock(now, q.ScannedAt); late != nil {
			refused = late
		}
		r.who, r.id, r.deviceAt, r.refused = actor, q.ScanID, q.ScannedAt, refused
		if r.id == uuid.Nil {
			if r.id, err = uuid.NewV7(); err != nil {
				return nil, fmt.Errorf("make a scan id: %w", err)
			}
		}
		readings[i] = r
	}
	return readings, nil
}

// commit commits scans, together with those of other callers unless the store is ungrouped.
func (s *Store) commit(ctx context.Context, organization org.Organization, scans []reading) []Result {
	if s.ungrouped {
		return s.commitGroup(ctx, organization, scans)
	}
	return s.committerOf(organization.ID).commit(scans, func(group []reading) []Result {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return s.commitGroup(ctx, organization, group)
	})
}

// commitGroup commits a group of scans in one transaction. An error that nobody expected splits the group, until it strikes only
// the scan that causes it; a database that is away strikes all of it.
func (s *Store) commitGroup(ctx context.Context, organization org.Organization, group []reading) []Result {
	results, err := s.tryGroup(ctx, organization, group)
	if err == nil {
		return results
	}
	refused := errs.As(err)
	if refused == nil {
		refused = errs.New(errs.Internal, "internal", "This scan failed on our side and changed nothing. Scan it again.").Wrap(err)
	}
	if len(group) == 1 || refused.Kind == errs.Unavailable || ctx.Err() != nil {
		results = make([]Result, len(group))
		for i, r := range group {
			results[i] = Result{ScanID: r.id, Code: r.code, Refused: refused}
		}
		return results
	}
	half := len(group) / 2
	first := s.commitGroup(ctx, organization, group[:half])
	return append(first, s.commitGroup(ctx, organization, group[half:])...)
}

// tryGroup locks and loads what the group names, decides its scans in order, and writes what came of them.
func (s *Store) tryGroup(ctx context.Context, organization org.Organization, group []reading) ([]Result, error) {
	var results []Result
	err := s.db.TxPrepared(ctx, func(tx pg.Tx) error {
		st := newState(organization.ID, organization.Location)
		stamp(group, s.now())
		if err := st.ask(ctx, tx, group); err != nil {
			return err
		}
		if err := st.recallFirst(ctx, New(tx)); err != nil {
			return err
		}
		if err := st.settled(group); err != nil {
			return err
		}
		var scans insertScansParams
		results, scans = st.decideAll(group)
		return st.write(ctx, tx, scans, s.now())
	})
	if err != nil {
		return nil, fmt.Errorf("commit %d scans: %w", len(group), err)
	}
	return results, nil
}

// stamp gives each scan of a group its time, a microsecond apart, so that stories keep the order of the decisions.
func stamp(group []reading, now time.Time) {
	now = now.Truncate(time.Microsecond)
	for i := range group {
		group[i].at = now.Add(time.Duration(i) * time.Microsecond)
	}
}

// decideAll decides the scans of a group in their order, and gives their answers and the rows that are kept of them.
func (s *state) decideAll(group []reading) ([]Result, insertScansParams) {
	results := make([]Result, len(group))
	rows := insertScansParams{OrgID: s.orgID}
	for i, r := range group {
		_, repeated := s.seen[r.id]
		v := s.decide(r)
		results[i] = s.answer(r, v)
		if !repeated && r.refused == nil {
			rows.add(r.who, r.id, r.deviceAt, v)
		}
	}
	return results, rows
}

// answer puts a verdict into words, with the parent as it is at this point of the group.
func (s *state) answer(r reading, v verdict) Result {
	result := Result{ScanID: r.id, Code: r.code, Refused: v.refused}
	about := v.parent
	if about == "" {
		about = v.code
	}
	if p := s.parents[about]; p != nil {
		summary := p.summary()
		result.Parent = &summary
	}
	if v.refused == nil {
		result.Outcome, result.Message = v.outcome, v.message
	}
	return result
}
