package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// monthFile is a month of the log in its file: a row on each line, as JSON, compressed.
type monthFile struct {
	name    string
	rows    int64
	kept    []byte // keys of the rows that stay in the database
	sum     []byte // SHA-256 of the file
	content []byte // SHA-256 of the rows' entries
}

// write puts a month into its file. It is whole on the disk when write returns, or not there under its name.
func (a *Archiver) write(ctx context.Context, db DBTX, month string) (monthFile, error) {
	f := monthFile{name: "audit_log_" + month + ".jsonl.gz", kept: []byte{}}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return f, fmt.Errorf("make the folder of the archives: %w", err)
	}
	file, err := os.CreateTemp(a.dir, f.name+".part-*")
	if err != nil {
		return f, fmt.Errorf("begin an archive: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // it has its own name by then, or is of no use
	err = a.fill(ctx, db, &f, file, month)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil || f.rows == 0 && len(f.kept) == 0 {
		return f, err
	}
	if err := os.Rename(file.Name(), filepath.Join(a.dir, f.name)); err != nil {
		return f, fmt.Errorf("name an archive: %w", err)
	}
	return f, syncFolder(a.dir)
}

// fill writes the rows of a month, each of which has to be as it was sealed.
func (a *Archiver) fill(ctx context.Context, db DBTX, f *monthFile, out io.Writer, month string) error {
	since, err := time.Parse(monthForm, month)
	if err != nil {
		return fmt.Errorf("read a month's name: %w", err)
	}
	proof, err := newTrail(ctx, New(a.db.For(ctx)), a.keys, since)
	if err != nil {
		return err
	}
	sum, content := sha256.New(), sha256.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(out, sum), 64<<10)
	zip := gzip.NewWriter(buffer)
	encode := json.NewEncoder(zip)
	encode.SetEscapeHTML(false) // JSON is hashed as it is
	err = readRows(ctx, db, func(r row) error {
		e, err := proof.take(ctx, r)
		if err != nil {
			return err
		}
		if slices.Contains(keptActions(), r.Action) {
			f.kept = append(f.kept, e[:keySize]...)
			return nil
		}
		f.rows++
		content.Write(e[:])
		return encode.Encode(r)
	}, rowsOfMonth, since, since.AddDate(0, 1, 0))
	if err == nil {
		err = proof.end(ctx)
	}
	err = errors.Join(err, zip.Close(), buffer.Flush())
	f.sum, f.content = sum.Sum(nil), content.Sum(nil)
	return err
}

// syncFolder makes a new name in a folder outlive a loss of power.
func syncFolder(dir string) error {
	folder, err := os.Open(dir) //nolint:gosec // the operator names the folder
	if err != nil {
		return fmt.Errorf("open the folder of the archives: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("flush the folder of the archives: %w", err)
	}
	return nil
}

// readBack reads the file as it is on the disk, and compares it with what was to be written.
func (f monthFile) readBack(dir string) error {
	file, err := openArchive(filepath.Join(dir, f.name))
	if err != nil {
		return err
	}
	defer file.close()
	content, rows := sha256.New(), int64(0)
	for {
		e, err := file.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s back: %w", f.name, err)
		}
		content.Write(e[:])
		rows++
	}
	sum, err := file.finish()
	if err != nil {
		return fmt.Errorf("read %s back: %w", f.name, err)
	}
	if rows != f.rows || !bytes.Equal(content.Sum(nil), f.content) || !bytes.Equal(sum, f.sum) {
		return fmt.Errorf("%s is not what was written to it: %d rows of %d were read back", f.name, rows, f.rows)
	}
	return nil
}

// archiveReader reads an archive row by row.
type archiveReader struct {
	file   *os.File
	all    io.Reader // the file, hashed as it is read
	sum    hash.Hash
	decode *json.Decoder
}

func openArchive(path string) (*archiveReader, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the folder, and the names in it are ours
	if err != nil {
		return nil, fmt.Errorf("open an archive: %w", err)
	}
	r := &archiveReader{file: file, sum: sha256.New()}
	r.all = io.TeeReader(file, r.sum)
	zip, err := gzip.NewReader(r.all)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	r.decode = json.NewDecoder(zip)
	return r, nil
}

// next gives the entry of the next row, or io.EOF behind the last one.
func (r *archiveReader) next() (entry, error) {
	var line row
	if err := r.decode.Decode(&line); err != nil {
		return entry{}, err
	}
	return line.entry(), nil
}

// finish gives the SHA-256 of the whole file.
func (r *archiveReader) finish() ([]byte, error) {
	if _, err := io.Copy(io.Discard, r.all); err != nil {
		return nil, fmt.Errorf("read an archive: %w", err)
	}
	return r.sum.Sum(nil), nil
}

func (r *archiveReader) close() { _ = r.file.Close() }
