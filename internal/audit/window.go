package audit

import (
	"bytes"
	"crypto/sha256"
	"time"
)

// window proves rows, in the order of their transactions, against some seals that follow each other.
type window struct {
	*verifier
	seals     []SealedSeal
	at        int // the seal whose rows come now
	pile      *pile
	uncovered int64 // rows in front of it that no seal covers
}

func newWindow(v *verifier, seals []SealedSeal) *window {
	return &window{verifier: v, seals: seals, pile: newPile()}
}

// row takes the next row of the log.
func (w *window) row(r row) error {
	for r.Xid >= w.seals[w.at].Horizon {
		w.closeRows()
	}
	if r.Xid < w.seals[w.at].FromXid {
		w.uncovered++
		return nil
	}
	return w.pile.addRow(r)
}

func (w *window) endRows() {
	for w.at < len(w.seals) {
		w.closeRows()
	}
	w.at = 0
}

// closeRows compares the rows of one seal with it, and goes on to the next.
func (w *window) closeRows() {
	s := w.seals[w.at]
	if w.uncovered > 0 {
		w.report.find("%d rows before %s have no seal", w.uncovered, s.name())
	}
	if bytes.Equal(s.Entries, w.pile.entries) {
		w.report.Rows += int64(len(s.Entries) / entrySize)
	} else {
		w.compare(s, w.pile.entries)
	}
	w.at, w.uncovered, w.pile = w.at+1, 0, newPile()
}

// compare names what differs between a seal's entries and the rows that are there.
func (w *window) compare(s SealedSeal, present []byte) {
	there := map[[keySize]byte]entry{}
	for e := range entries(present) {
		there[e.key()] = e
	}
	for sealed := range entries(s.Entries) {
		key := sealed.key()
		e, ok := there[key]
		delete(there, key)
		switch {
		case ok && e == sealed:
			w.report.Rows++
		case ok:
			w.report.find("%s was changed after %s", name(key), s.name())
		case w.archiveOf(key) != nil:
			w.compareArchived(sealed, s)
		default:
			w.report.find("%s was removed after %s", name(key), s.name())
		}
	}
	for key := range there {
		w.report.find("%s was slipped in after %s", name(key), s.name())
	}
}

// entries walks over the entries of a seal.
func entries(all []byte) func(func(entry) bool) {
	return func(yield func(entry) bool) {
		for ; len(all) >= entrySize; all = all[entrySize:] {
			if !yield(entry(all[:entrySize])) {
				return
			}
		}
	}
}

// scan takes the next scan.
func (w *window) scan(xid int64, values [][]byte) {
	for xid >= w.seals[w.at].Horizon {
		w.closeScans()
	}
	if xid < w.seals[w.at].FromXid {
		w.uncovered++
		return
	}
	w.pile.addScan(values)
}

func (w *window) endScans() {
	for w.at < len(w.seals) {
		w.closeScans()
	}
}

// closeScans compares the scans of one seal with its hash, and goes on to the next.
func (w *window) closeScans() {
	s := w.seals[w.at]
	if w.uncovered > 0 {
		w.report.find("%d scans before %s have no seal", w.uncovered, s.name())
	}
	switch n := w.pile.scans; {
	case n < s.Scans:
		w.report.find("%d scans were removed that %s covers (%s)", s.Scans-n, s.name(), w.span(s))
	case n > s.Scans:
		w.report.find("%d scans were slipped in among those that %s covers (%s)", n-s.Scans, s.name(), w.span(s))
	case !bytes.Equal(s.ScanHash, w.pile.hash.Sum(make([]byte, 0, sha256.Size))):
		w.report.find("scans were changed that %s covers (%s)", s.name(), w.span(s))
	}
	w.report.Scans += w.pile.scans
	w.at, w.uncovered, w.pile = w.at+1, 0, newPile()
}

// span tells people when the rows of a seal were written.
func (w *window) span(s SealedSeal) string {
	if w.at == 0 {
		return "written before " + s.SealedAt.UTC().Format(time.TimeOnly)
	}
	return "written from " + w.seals[w.at-1].SealedAt.UTC().Format(time.DateTime) + " to " + s.SealedAt.UTC().Format(time.DateTime)
}
