package audit

import (
	"context"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Resign signs every seal anew, as if the chain had been made the way it now reads.
func Resign(ctx context.Context, tx pgx.Tx, keys Keys) error {
	q := New(tx)
	seals, err := q.seals(ctx, sealsParams{FromSeq: 0, Most: 1000})
	if err != nil {
		return err
	}
	var last []byte
	for _, s := range seals {
		s.Previous = last
		if s.Previous == nil {
			s.Previous = []byte{}
		}
		s.Mac = keys.sign(s.message())
		if _, err := tx.Exec(ctx, `DELETE FROM sealed.seal WHERE seq = $1`, s.Seq); err != nil {
			return err
		}
		if err := q.insertSeal(ctx, insertSealParams(s)); err != nil {
			return err
		}
		last = s.Mac
	}
	head := Head{Seq: int64(len(seals)), MAC: last}
	return q.moveHead(ctx, moveHeadParams{Seq: head.Seq, SealMac: head.MAC, Mac: keys.sign(head.message())})
}

// WriteMonth writes a month's file, lets spoil have it, and reads it back.
func (a *Archiver) WriteMonth(ctx context.Context, month string, spoil func(path string)) error {
	f, err := a.write(ctx, a.db.Pool(), month)
	if err != nil {
		return err
	}
	spoil(filepath.Join(a.dir, f.name))
	return f.readBack(a.dir)
}

// FormOf gives the form in which JSON is hashed, without its length in front.
func FormOf(raw []byte) []byte {
	var c canon
	c.state(raw)
	return c[4:]
}
