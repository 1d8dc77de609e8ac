package bag

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
)

// Scan takes scans in their order and answers each, in the same order. Each is decided by itself: a refusal stands in its
// Result. The error is for all of them, and then those that were committed are safe to send again under their ids.
func (s *Store) Scan(ctx context.Context, actor authz.Actor, requests []Request) ([]Result, error) {
	if err := actor.Require(authz.Scan); err != nil {
		return nil, err
	}
	readings, results, err := s.read(ctx, actor, requests)
	if err != nil {
		return nil, err
	}
	// Read before the transaction: inside it, a second connection from the pool could be waited for in vain.
	organization, err := s.orgs.Get(ctx, actor.OrgID)
	if err != nil {
		return nil, err
	}
	by := state{who: actor, location: organization.Location}
	taken, err := s.scanGroup(ctx, by, readings, countCode(results, "invalid_code"))
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Refused == nil {
			results[i], taken = taken[0], taken[1:]
		}
	}
	return results, nil
}

// read recognises the scans' codes. Those that are none are refused here, and the others are left for the rules.
func (s *Store) read(ctx context.Context, actor authz.Actor, requests []Request) ([]reading, []Result, error) {
	formats, err := s.orgs.Formats(ctx, actor.OrgID)
	if err != nil {
		return nil, nil, err
	}
	now := s.now().Truncate(time.Microsecond)
	var readings []reading
	results := make([]Result, len(requests))
	for i, q := range requests {
		if q.ScanID == uuid.Nil {
			if q.ScanID, err = uuid.NewV7(); err != nil {
				return nil, nil, fmt.Errorf("make a scan id: %w", err)
			}
		}
		r, refused := judgeCodes(formats, q.Code, q.Parent)
		if late := judgeClock(now, q.ScannedAt); late != nil {
			refused = late
		}
		results[i] = Result{ScanID: q.ScanID, Code: r.code, Refused: refused}
		if refused == nil {
			r.id, r.at, r.deviceAt = q.ScanID, now.Add(time.Duration(i)*time.Microsecond), q.ScannedAt
			readings = append(readings, r)
		}
	}
	return readings, results, nil
}

func countCode(results []Result, code string) int64 {
	var n int64
	for _, r := range results {
		if r.Refused != nil && r.Refused.Code == code {
			n++
		}
	}
	return n
}

// scanGroup commits a group of scans together. An error that nobody expected splits the group, until it strikes only the scan
// that causes it. invalid is how many codes beside the group were none: they are counted, and nothing else is kept of them.
func (s *Store) scanGroup(ctx context.Context, by state, group []reading, invalid int64) ([]Result, error) {
	var results []Result
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		fresh := by
		results, err = s.scanIn(ctx, tx, &fresh, group, invalid)
		return err
	})
	switch e := errs.As(err); {
	case err == nil:
		return results, nil
	case ctx.Err() != nil || e != nil && e.Kind == errs.Unavailable || len(group) == 0:
		return nil, err
	case len(group) == 1 && e != nil:
		return []Result{{ScanID: group[0].id, Code: group[0].code, Refused: e}}, nil
	case len(group) == 1:
		fault := errs.New(errs.Internal, "internal", "This scan failed on our side and changed nothing. Scan it again.").Wrap(err)
		return []Result{{ScanID: group[0].id, Code: group[0].code, Refused: fault}}, nil
	}
	half := len(group) / 2
	first, err := s.scanGroup(ctx, by, group[:half], invalid)
	if err != nil {
		return nil, err
	}
	second, err := s.scanGroup(ctx, by, group[half:], 0)
	return append(first, second...), err
}

// scanIn locks and loads what the group names, decides its scans in order, and writes what came of them.
func (s *Store) scanIn(ctx context.Context, tx pgx.Tx, st *state, group []reading, invalid int64) ([]Result, error) {
	if err := load(ctx, New(tx), st, group); err != nil {
		return nil, fmt.Errorf("load %d scans: %w", len(group), err)
	}
	results := make([]Result, len(group))
	var verdicts []verdict
	var decided []reading
	for i, r := range group {
		_, replayed := st.seen[r.id]
		v := st.decide(r)
		results[i] = st.answer(r, v)
		if !replayed {
			verdicts, decided = append(verdicts, v), append(decided, r)
		}
	}
	st.added.RefusedScans += invalid
	if err := write(ctx, New(tx), st, decided, verdicts); err != nil {
		return nil, fmt.Errorf("write %d scans: %w", len(group), err)
	}
	return results, tally.Add(ctx, tx, st.who, s.now(), st.added)
}

// answer puts a verdict into words, with the parent as it is at this point of the batch.
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
