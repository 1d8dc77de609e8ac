package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
)

// Report is what Verify found.
type Report struct {
	Seals, Segments             int
	Rows, Scans                 int64 // that are there and sealed
	Archived                    int64 // rows that are sealed and have moved into archives
	UnsealedRows, UnsealedScans int64 // written after the last seal
	Head                        Head
	Notes                       []string // what is worth knowing and no breach
	Findings                    []string // breaches, one sentence each; at most maxFindings
	More                        int      // breaches beyond those
}

// maxFindings bounds how many breaches are told one by one.
const maxFindings = 1000

// Clean reports whether nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }

func (r *Report) find(format string, args ...any) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// sealsAtOnce bounds how many seals are in memory together.
const sealsAtOnce = 32

// Verify proves the whole chain, and every row against it, at one moment. It names what was changed, removed or slipped
// in. The error is for what could not be read, and not for what was found. Months that have moved into files are proved in
// the folder archives; where that is empty, their records are believed. logged are heads from the server's log: they
// show a chain that was cut back together with its head, which the database alone cannot tell from a younger one.
func Verify(ctx context.Context, db *pg.DB, keys Keys, archives string, logged ...Head) (*Report, error) {
	v := &verifier{keys: keys, report: &Report{}, logged: map[int64][]byte{}, folder: archives}
	defer v.closeArchives()
	for _, h := range logged {
		v.logged[h.Seq] = h.MAC
	}
	err := db.Read(ctx, func(tx pg.Tx) error {
		v.tx, v.q = tx, New(tx)
		return v.run(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("verify the audit log: %w", err)
	}
	return v.report, nil
}

type verifier struct {
	tx       pg.Tx
	q        *Queries
	keys     Keys
	report   *Report
	logged   map[int64][]byte
	folder   string               // of the archives, empty where they are not at hand
	archives map[string]*archived // by month
	last     SealedSeal           // the seal before the one that is looked at
	dated    backdated            // rows that bear a time from long before they were written
	signer   int                  // the key of the last seal: no seal is signed with an older one than those before it
}

func (v *verifier) run(ctx context.Context) error {
	if err := v.q.holdLog(ctx); err != nil {
		return err
	}
	if err := v.q.takeTime(ctx); err != nil {
		return err
	}
	if err := v.loadArchives(ctx); err != nil {
		return err
	}
	v.signer = len(v.keys.keys) - 1
	for {
		seals, err := v.q.seals(ctx, sealsParams{FromSeq: v.last.Seq + 1, Most: sealsAtOnce})
		if err != nil {
			return fmt.Errorf("read the seals: %w", err)
		}
		if len(seals) == 0 {
			break
		}
		if err := v.verifySome(ctx, seals); err != nil {
			return err
		}
	}
	v.endArchives()
	if err := v.verifyHead(ctx); err != nil {
		return err
	}
	return v.countUnsealed(ctx)
}

// verifySome proves some seals that follow each other, and reads the rows that they cover in one go.
func (v *verifier) verifySome(ctx context.Context, seals []SealedSeal) error {
	from := v.last.Horizon
	for _, s := range seals {
		v.verifySeal(s)
	}
	w := newWindow(v, seals)
	if err := eachRow(ctx, v.tx, from, v.last.Horizon, w.row); err != nil {
		return err
	}
	w.endRows()
	if err := eachScan(ctx, v.tx, from, v.last.Horizon, w.scan); err != nil {
		return err
	}
	w.endScans()
	return nil
}

// verifySeal proves a seal by itself and as the next one in the chain.
func (v *verifier) verifySeal(s SealedSeal) {
	r, last := v.report, v.last
	r.Seals++
	if s.Seq != last.Seq+1 {
		r.find("%s missing", numbers(last.Seq+1, s.Seq-1))
	} else if !bytes.Equal(s.Previous, last.Mac) {
		r.find("%s does not follow on the seal before it", s.name())
	}
	if s.Seq == last.Seq+1 && s.FromXid != last.Horizon {
		r.find("%s does not begin where the seal before it ends", s.name())
	}
	switch signer := v.keys.signer(s.message(), s.Mac); {
	case signer < 0:
		r.find("%s was changed, or was not made with the key", s.name())
	case signer > v.signer:
		r.find("%s was made with a key that was no longer in force", s.name())
	default:
		v.signer = signer
	}
	if mac, known := v.logged[s.Seq]; known && !bytes.Equal(mac, s.Mac) {
		r.find("%s is not the one in the server's log", s.name())
	}
	delete(v.logged, s.Seq)
	v.compareServers(s)
	v.lookForBackdated(s)
	v.last = s
}

// compareServers notes where the chain goes on on another server.
func (v *verifier) compareServers(s SealedSeal) {
	r, last := v.report, v.last
	switch {
	case s.Segment != last.Segment:
		r.Segments++
		if last.Seq > 0 {
			r.note("segment %d begins with %s: the database was restored from a dump, or moved, to another server after %s",
				s.Segment, s.name(), last.SealedAt.Format(time.RFC3339))
		}
	case s.SystemID != last.SystemID || s.XidOffset != last.XidOffset:
		r.find("%s is of another database server, and no segment begins with it", s.name())
	case s.Timeline != last.Timeline:
		r.note("the server changed from timeline %d to %d before %s: a standby took over, or an earlier moment was recovered",
			last.Timeline, s.Timeline, s.name())
	}
}

// verifyHead compares the chain's end with the head that was kept beside it, and with those in the server's log.
func (v *verifier) verifyHead(ctx context.Context) error {
	r := v.report
	r.Head = Head{Seq: v.last.Seq, MAC: v.last.Mac}
	head, err := v.q.readHead(ctx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the head: %w", err)
	}
	kept := Head{Seq: head.Seq, MAC: head.SealMac}
	switch {
	case err != nil:
		r.find("the head of the chain is missing")
	case kept.Seq > v.last.Seq:
		r.find("%s missing at the end of the chain", numbers(v.last.Seq+1, kept.Seq))
	case kept.Seq < v.last.Seq || !bytes.Equal(kept.MAC, v.last.Mac):
		r.find("the head of the chain is not its last seal")
	case kept.Seq > 0 && v.keys.signer(kept.message(), head.Mac) < 0:
		r.find("the head of the chain was changed, or was not made with the key")
	}
	for seq := range v.logged {
		r.find("seal %d is in the server's log, and missing in the chain", seq)
	}
	return nil
}

func (v *verifier) countUnsealed(ctx context.Context) error {
	n, err := v.q.unsealed(ctx, v.last.Horizon)
	if err != nil {
		return fmt.Errorf("count what has no seal yet: %w", err)
	}
	v.report.UnsealedRows, v.report.UnsealedScans = n.Entries, n.Scans
	return v.noteBackdated(ctx)
}

// name tells people which seal is meant.
func (s SealedSeal) name() string {
	return fmt.Sprintf("seal %d of %s", s.Seq, s.SealedAt.UTC().Format(time.RFC3339))
}

func numbers(from, to int64) string {
	if from == to {
		return fmt.Sprintf("seal %d is", from)
	}
	return fmt.Sprintf("seals %d to %d are", from, to)
}
