package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
)

// archived is a month whose rows are in a file, but for those that stay.
type archived struct {
	SealedArchive
	kept map[[keySize]byte]bool
	file *archiveReader          // nil where the file is not at hand
	rest map[[keySize]byte]entry // what is left of a file whose rows are not those that were sealed
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
		v.report.note("%s: %d rows are archived in %s, sha256 %x", a.Month, a.Entries, a.File, a.Sha256)
		if v.folder == "" {
			continue
		}
		if month.file, err = openArchive(filepath.Join(v.folder, filepath.Base(a.File))); err != nil {
			v.report.find("the archive of %s cannot be read: %v", a.Month, err)
		}
	}
	if len(all) > 0 && v.folder == "" {
		v.report.note("the archives themselves were not looked at: AUDIT_ARCHIVE_DIR does not say where they are")
	}
	return nil
}

// archiveOf gives the archive that a row which is missing has moved into, or nil.
func (v *verifier) archiveOf(key [keySize]byte) *archived {
	month, ok := v.archives[monthOf(key)]
	if !ok || month.kept[key] {
		return nil
	}
	return month
}

// compareArchived proves a row that has moved into an archive, where that is at hand.
func (v *verifier) compareArchived(sealed entry, s SealedSeal) {
	month := v.archiveOf(sealed.key())
	if month.file == nil {
		v.report.Archived++
		return
	}
	switch found, ok := month.look(sealed); {
	case !ok:
		v.report.find("%s was removed from the archive of %s, after %s", name(sealed.key()), month.Month, s.name())
	case found != sealed:
		v.report.find("%s was changed in the archive of %s, after %s", name(sealed.key()), month.Month, s.name())
	default:
		v.report.Archived++
	}
}

// look looks for a row in the file. Rows stand there in the order of the seals, so it is the next one, unless somebody
// changed the file: then all that is left of it is searched.
func (a *archived) look(sealed entry) (entry, bool) {
	if a.rest == nil {
		e, err := a.file.next()
		if err == nil && e == sealed {
			return e, true
		}
		a.rest = map[[keySize]byte]entry{}
		for ; err == nil; e, err = a.file.next() {
			a.rest[e.key()] = e
		}
	}
	e, ok := a.rest[sealed.key()]
	delete(a.rest, sealed.key())
	return e, ok
}

// endArchives names what is in the files beyond what was sealed, and files that are not the ones that were recorded.
func (v *verifier) endArchives() {
	for _, month := range slices.Sorted(maps.Keys(v.archives)) {
		a := v.archives[month]
		if a.file == nil {
			continue
		}
		for {
			e, err := a.file.next()
			if err == nil {
				a.leave(e)
				continue
			}
			if !errors.Is(err, io.EOF) {
				v.report.find("the archive of %s cannot be read to its end: %v", month, err)
			}
			break
		}
		for key := range a.rest {
			v.report.find("%s was slipped into the archive of %s", name(key), month)
		}
		if sum, err := a.file.finish(); err != nil || !bytes.Equal(sum, a.Sha256) {
			v.report.find("the archive of %s is not the file that was recorded: its sha256 is %x", month, sum)
		}
	}
}

// leave keeps a row of the file that no seal has asked for.
func (a *archived) leave(e entry) {
	if a.rest == nil {
		a.rest = map[[keySize]byte]entry{}
	}
	a.rest[e.key()] = e
}

func (v *verifier) closeArchives() {
	for _, a := range v.archives {
		if a.file != nil {
			a.file.close()
		}
	}
}

// monthForm writes a month as archives name it.
const monthForm = "2006-01"

func monthOf(key [keySize]byte) string { return timeOf(key).Format(monthForm) }

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
