package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/pg"
)

// rowsPerSeal bounds how much of the log one seal takes, so that it fits into memory. Beyond it, the next one follows at once.
const rowsPerSeal = 50_000

// segmentStep is how far a new segment lifts the numbers of its transactions: further than any server counts in a segment.
const segmentStep = 1 << 40

// Sealer seals the audit log and the scans. Any number of instances may seal: one at a time does.
type Sealer struct {
	db   *pg.DB
	keys Keys
	log  *slog.Logger
	now  func() time.Time
}

// NewSealer makes a sealer. Each seal's head goes to log, where whoever changes the database cannot reach it.
func NewSealer(db *pg.DB, keys Keys, log *slog.Logger, now func() time.Time) *Sealer {
	return &Sealer{db: db, keys: keys, log: log, now: now}
}

// Sealed tells of the seals of one turn.
type Sealed struct {
	Seals       int
	Rows, Scans int64
	Head        Head // the newest seal, whoever made it
}

// Head names a seal of the chain: the newest one stands for all before it.
type Head struct {
	Seq int64
	MAC []byte
}

// String gives the head as `audit verify` takes it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, hex.EncodeToString(h.MAC)) }

// Begin begins a segment where the database is on another server than before. It is called before the program writes
// anything: a row that is numbered by the new server and not yet lifted above the old numbers would look slipped in.
func (s *Sealer) Begin(ctx context.Context) error {
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		if _, err := q.lockHead(ctx); errors.Is(err, pgx.ErrNoRows) {
			return nil // another instance is sealing, so it has begun
		} else if err != nil {
			return fmt.Errorf("lock the head: %w", err)
		}
		server, err := q.server(ctx)
		if err != nil {
			return fmt.Errorf("ask the server who it is: %w", err)
		}
		_, err = s.segment(ctx, q, server)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to seal the audit log: %w", err)
	}
	return nil
}

// Seal covers every settled row that has no seal yet: those of transactions older than the oldest one still running. It
// only reads the tables, so it holds up no writer; one that commits late is covered next time. If another instance is
// sealing at the moment it does nothing.
func (s *Sealer) Seal(ctx context.Context) (Sealed, error) {
	var done Sealed
	for more := true; more; {
		var sealed SealedSeal
		err := s.db.Tx(ctx, func(tx pgx.Tx) error {
			var err error
			sealed, more, err = s.sealOnce(ctx, tx)
			return err
		})
		if err != nil {
			return done, fmt.Errorf("seal the audit log: %w", err)
		}
		if sealed.Seq == 0 {
			break
		}
		done.add(sealed)
		s.log.InfoContext(ctx, "audit log sealed", slog.String("head", done.Head.String()), slog.Int64("scans", sealed.Scans),
			slog.Int("rows", len(sealed.Entries)/entrySize), slog.Int("segment", int(sealed.Segment)))
	}
	if done.Scans == 0 {
		return done, nil
	}
	if err := New(s.db.For(ctx)).summarizeScans(ctx); err != nil {
		return done, fmt.Errorf("summarize the index of the scans: %w", err)
	}
	return done, nil
}

// Lag tells how old the oldest row is that has no seal yet: about a minute while all is well. It is for the metric
// traitortrack_audit_seal_lag_seconds, and for an alert where it grows past some minutes: the job stands still, or a transaction
// somewhere on the database server stays open.
func (s *Sealer) Lag(ctx context.Context) (time.Duration, error) {
	seconds, err := New(s.db.For(ctx)).lag(ctx)
	if err != nil {
		return 0, pg.Refusal(fmt.Errorf("look for rows without a seal: %w", err))
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func (d *Sealed) add(s SealedSeal) {
	d.Seals++
	d.Rows += int64(len(s.Entries) / entrySize)
	d.Scans += s.Scans
	d.Head = Head{Seq: s.Seq, MAC: s.Mac}
}

// sealOnce makes one seal, and tells whether there is more to do. A seal with seq 0 is none: nothing was to be sealed, or
// another instance is at it.
func (s *Sealer) sealOnce(ctx context.Context, tx pgx.Tx) (SealedSeal, bool, error) {
	none, q := SealedSeal{}, New(tx)
	if err := q.takeTime(ctx); err != nil {
		return none, false, err
	}
	head, err := q.lockHead(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return none, false, nil // another instance holds it
	}
	if err != nil {
		return none, false, fmt.Errorf("lock the head: %w", err)
	}
	next, err := s.begin(ctx, q, head)
	if err != nil {
		return none, false, err
	}
	more, err := next.cut(ctx, q)
	if err != nil || next.FromXid >= next.Horizon {
		return none, false, err
	}
	if err := next.cover(ctx, tx); err != nil || len(next.Entries) == 0 && next.Scans == 0 {
		return none, false, err
	}
	next.Mac = s.keys.sign(next.message())
	return next, more, s.append(ctx, q, next)
}

// begin starts a seal where the last one ended, up to the oldest transaction that still runs.
func (s *Sealer) begin(ctx context.Context, q *Queries, head lockHeadRow) (SealedSeal, error) {
	server, err := q.server(ctx)
	if err != nil {
		return SealedSeal{}, fmt.Errorf("ask the server who it is: %w", err)
	}
	segment, err := s.segment(ctx, q, server)
	if err != nil {
		return SealedSeal{}, err
	}
	last, err := q.newestSeal(ctx)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return SealedSeal{}, fmt.Errorf("read the last seal: %w", err)
	}
	// The number goes on from the head, not from the last seal: where that one was removed, its number stays missing.
	return SealedSeal{Seq: head.Seq + 1, Segment: segment.Number, SystemID: server.SystemID, Timeline: server.Timeline,
		XidOffset: segment.XidOffset, FromXid: last.Horizon, Horizon: segment.XidOffset + server.Horizon,
		SealedAt: s.now().UTC().Truncate(time.Microsecond), Previous: head.SealMac}, nil
}

// segment gives the segment in force. A server with another identity than the last one's begins a new segment, because it
// numbers its transactions anew; so does one that is behind the numbers its rows carry.
func (s *Sealer) segment(ctx context.Context, q *Queries, server serverRow) (newestSegmentRow, error) {
	last, err := q.newestSegment(ctx)
	if err == nil && last.SystemID == server.SystemID {
		return last, nil
	}
	next := newestSegmentRow{Number: last.Number + 1, SystemID: server.SystemID, XidOffset: last.XidOffset + segmentStep}
	if errors.Is(err, pgx.ErrNoRows) {
		var elsewhere bool
		if elsewhere, err = q.comesFromElsewhere(ctx); err == nil && !elsewhere {
			next.XidOffset = 0
		}
	}
	if err != nil {
		return last, fmt.Errorf("read the segments: %w", err)
	}
	if err := q.beginSegment(ctx, beginSegmentParams(next)); err != nil {
		return last, fmt.Errorf("begin segment %d: %w", next.Number, err)
	}
	s.log.InfoContext(ctx, "audit log: a new segment begins on this database server", slog.Int("segment", int(next.Number)))
	return next, nil
}

// cut lowers the horizon where there is more than one seal should take, and tells whether it did.
func (s *SealedSeal) cut(ctx context.Context, q *Queries) (bool, error) {
	xid, err := q.xidOfRow(ctx, xidOfRowParams{FromXid: s.FromXid, Horizon: s.Horizon, Skip: rowsPerSeal})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("count what is to be sealed: %w", err)
	}
	more := xid+1 < s.Horizon
	s.Horizon = xid + 1
	return more, nil
}

// cover hashes what the seal covers.
func (s *SealedSeal) cover(ctx context.Context, tx pgx.Tx) error {
	p := newPile()
	if err := eachRow(ctx, tx, s.FromXid, s.Horizon, p.addRow); err != nil {
		return err
	}
	err := eachScan(ctx, tx, s.FromXid, s.Horizon, func(_ int64, values [][]byte) { p.addScan(values) })
	s.Entries, s.Scans, s.ScanHash = p.entries, p.scans, p.hash.Sum(nil)
	if s.Entries == nil {
		s.Entries = []byte{}
	}
	return err
}

// append puts a signed seal at the end of the chain.
func (s *Sealer) append(ctx context.Context, q *Queries, seal SealedSeal) error {
	if err := q.insertSeal(ctx, insertSealParams(seal)); err != nil {
		return fmt.Errorf("write seal %d: %w", seal.Seq, err)
	}
	return s.moveHead(ctx, q, Head{Seq: seal.Seq, MAC: seal.Mac})
}

func (s *Sealer) moveHead(ctx context.Context, q *Queries, to Head) error {
	if err := q.moveHead(ctx, moveHeadParams{Seq: to.Seq, SealMac: to.MAC, Mac: s.keys.sign(to.message())}); err != nil {
		return fmt.Errorf("move the head to seal %d: %w", to.Seq, err)
	}
	return nil
}

// message is what a seal's signature covers: everything in it.
func (s SealedSeal) message() []byte {
	var form canon
	form.text("seal")
	for _, v := range []int64{s.Seq, int64(s.Segment), s.SystemID, int64(s.Timeline), s.XidOffset, s.FromXid, s.Horizon, s.Scans} {
		form.int(v)
	}
	form.time(s.SealedAt)
	entries := sha256.Sum256(s.Entries)
	form.bytes(entries[:])
	form.bytes(s.ScanHash)
	form.bytes(s.Previous)
	return form
}

func (h Head) message() []byte {
	var form canon
	form.text("head")
	form.int(h.Seq)
	form.bytes(h.MAC)
	return form
}
