package audit

import (
	"context"
	"fmt"
	"time"
)

// longest is how long no transaction of ours stays open. A row bears the time at which its transaction began, and has been
// written since the seal before its own: it is not much older than that seal.
const longest = time.Hour

// backdated are rows that bear a time from long before they were written. A seal proves what it covers and not how that came
// to be there: whoever writes a row by hand under the time of an old one is not found by the hashes. It is worth knowing and no
// breach, since rows of a history that was made (traitortrack seed) look the same.
type backdated struct {
	rows  int64
	first [keySize]byte
}

func (b *backdated) add(key [keySize]byte) {
	if b.rows == 0 {
		b.first = key
	}
	b.rows++
}

// lookForBackdated looks at the times of what a seal covers. Of what the first one covers nobody knows when it was written.
func (v *verifier) lookForBackdated(s SealedSeal) {
	if v.last.Seq == 0 {
		return
	}
	before := v.last.SealedAt.Add(-longest)
	for e := range entries(s.Entries) {
		if timeOf(e.key()).Before(before) {
			v.dated.add(e.key())
		}
	}
}

// noteBackdated looks at the times of what no seal covers yet, and notes what was found among all.
func (v *verifier) noteBackdated(ctx context.Context) error {
	if v.last.Seq > 0 {
		rows, err := v.q.unsealedBefore(ctx, unsealedBeforeParams{Horizon: v.last.Horizon, Before: v.last.SealedAt.Add(-longest), Most: maxFindings})
		if err != nil {
			return fmt.Errorf("look at the times of what has no seal yet: %w", err)
		}
		for _, r := range rows {
			v.dated.add(keyOf(r.OrgID, r.At, r.ID))
		}
	}
	if v.dated.rows > 0 {
		v.report.note("rows that were written more than an hour after the time that they bear: %d, the first of them %s. Unless somebody has made a history here, they were put in by hand",
			v.dated.rows, name(v.dated.first))
	}
	return nil
}
