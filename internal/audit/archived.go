package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"
)

// archived is a month whose rows are in a file, but for those that stay.
type archived struct {
	SealedArchive
	kept map[[keySize]byte]bool
}

// loadArchives reads which months are archived. A record that was not made with the key excuses no missing row.
func (v *verifier) loadArchives(ctx context.Context) error {
	all, err := v.q.archives(ctx)
	if err != nil {
		return fmt.Errorf("read the archives: %w", err)
	}
	v.archives = map[string]*archived{}
	for _, a := range all {
		if v.keys.signer(a.message(), a.Mac) < 0 {
			v.report.find("the record of the archive of %s was changed, or was not made with the key", a.Month)
			continue
		}
		month := &archived{SealedArchive: a, kept: map[[keySize]byte]bool{}}
		for keys := a.Kept; len(keys) >= keySize; keys = keys[keySize:] {
			month.kept[[keySize]byte(keys[:keySize])] = true
		}
		v.archives[a.Month] = month
		v.report.note("%s: %d rows are archived in %s, sha256 %x", a.Month, a.Entries-int64(len(month.kept)), a.File, a.Sha256)
	}
	return nil
}

// isArchived reports whether a row that is missing has moved into an archive.
func (v *verifier) isArchived(key [keySize]byte) bool {
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(key[8:]))).UTC()
	month, ok := v.archives[at.Format(monthForm)]
	return ok && !month.kept[key]
}

// monthForm writes a month as archives name it.
const monthForm = "2006-01"

// message is what the signature of an archive's record covers.
func (a SealedArchive) message() []byte {
	var form canon
	form.text("archive")
	form.text(a.Month)
	form.text(a.File)
	form.bytes(a.Sha256)
	form.int(a.Entries)
	form.bytes(a.Kept)
	form.time(a.ArchivedAt)
	return form
}
