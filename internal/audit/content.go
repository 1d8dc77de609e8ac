package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// row is a row of the log as it is sealed, and as it stands in an archive. Persons appear in it as tokens only.
type row struct {
	OrgID        int64           `json:"org_id"`
	At           time.Time       `json:"at"`
	ID           int64           `json:"id"`
	UserID       *int64          `json:"user_id,omitempty"`
	Action       string          `json:"action"`
	EntityType   string          `json:"entity_type"`
	EntityID     string          `json:"entity_id"`
	Details      json.RawMessage `json:"details"`
	BeforeState  json.RawMessage `json:"before_state,omitempty"`
	AfterState   json.RawMessage `json:"after_state,omitempty"`
	AddressToken *int64          `json:"address_token,omitempty"`
	PersonToken  *int64          `json:"person_token,omitempty"`
	RequestID    string          `json:"request_id"`
	Xid          int64           `json:"xid"`
}

// keySize and entrySize are the lengths of a row's key, and of its key with its hash behind.
const (
	keySize   = 3 * 8
	entrySize = keySize + sha256.Size
)

// entry is what a seal holds of one row: its organization, time and id, and its hash.
type entry [entrySize]byte

func (e entry) key() [keySize]byte { return [keySize]byte(e[:keySize]) }

func keyOf(orgID int64, at time.Time, id int64) [keySize]byte {
	var key [keySize]byte
	binary.BigEndian.PutUint64(key[0:], uint64(orgID)) //nolint:gosec // the bits are what is hashed
	binary.BigEndian.PutUint64(key[8:], uint64(at.UnixMicro()))
	binary.BigEndian.PutUint64(key[16:], uint64(id)) //nolint:gosec // the bits are what is hashed
	return key
}

// timeOf gives the time in a row's key.
func timeOf(key [keySize]byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(key[8:]))).UTC() //nolint:gosec // the bits that entry wrote
}

// name tells people which row an entry's key means.
func name(key [keySize]byte) string {
	org, id := binary.BigEndian.Uint64(key[:]), binary.BigEndian.Uint64(key[16:])
	return fmt.Sprintf("row %d of organization %d, %s", id, org, timeOf(key).Format(time.RFC3339))
}

// entry hashes a row.
func (r row) entry() entry {
	var form canon = make([]byte, 0, 512)
	form.int(r.OrgID)
	form.time(r.At)
	form.int(r.ID)
	form.optional(r.UserID)
	form.text(r.Action)
	form.text(r.EntityType)
	form.text(r.EntityID)
	for _, state := range []json.RawMessage{r.Details, r.BeforeState, r.AfterState} {
		form.state(state)
	}
	form.optional(r.AddressToken)
	form.optional(r.PersonToken)
	form.text(r.RequestID)
	form.int(r.Xid)
	var e entry
	key, sum := keyOf(r.OrgID, r.At, r.ID), sha256.Sum256(form)
	copy(e[:], key[:])
	copy(e[keySize:], sum[:])
	return e
}

// state adds JSON without its white space, which an archive does not keep. It is the JSON of a jsonb, or was checked when an
// archive was read: nothing is left to be wrong with it.
func (c *canon) state(v json.RawMessage) {
	if v == nil {
		c.null()
		return
	}
	begin := len(*c)
	form := append(*c, 0, 0, 0, 0)
	within, escaped := false, false // a string
	for _, b := range v {
		switch {
		case escaped:
			escaped = false
		case b == '\\':
			escaped = within
		case b == '"':
			within = !within
		case !within && (b == ' ' || b == '\n' || b == '\r' || b == '\t'):
			continue
		}
		form = append(form, b)
	}
	binary.BigEndian.PutUint32(form[begin:], uint32(len(form)-begin-4)) //nolint:gosec // PostgreSQL holds no value of over a gigabyte
	*c = form
}

// eachRow reads the log's rows of some transactions, in the order in which they are sealed.
func eachRow(ctx context.Context, db DBTX, from, horizon int64, do func(row) error) error {
	return readRows(ctx, db, do, rowsOf, from, horizon)
}

// readRows gives the rows of a query for the log to do, one by one.
func readRows(ctx context.Context, db DBTX, do func(row) error, query string, args ...any) error {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		err := rows.Scan(&r.OrgID, &r.At, &r.ID, &r.UserID, &r.Action, &r.EntityType, &r.EntityID, (*[]byte)(&r.Details),
			(*[]byte)(&r.BeforeState), (*[]byte)(&r.AfterState), &r.AddressToken, &r.PersonToken, &r.RequestID, &r.Xid)
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		if err := do(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachScan reads the scans of some transactions as the bytes that the database sends. They are hashed as they come: a
// warehouse has millions, and nobody needs their values here.
func eachScan(ctx context.Context, db DBTX, from, horizon int64, do func(xid int64, values [][]byte)) error {
	binaryForm := pgx.QueryResultFormats(slices.Repeat([]int16{pgx.BinaryFormatCode}, scanColumns))
	rows, err := db.Query(ctx, scansOf, binaryForm, from, horizon)
	if err != nil {
		return fmt.Errorf("read the scans: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		values := rows.RawValues()
		do(int64(binary.BigEndian.Uint64(values[0])), values) //nolint:gosec // no database counts its transactions to 2^63
	}
	return rows.Err()
}

const scanColumns = 12 // of the query scansOf

// pile is what a seal covers: the entries of the log, and one running hash over the scans.
type pile struct {
	entries []byte
	scans   int64
	hash    hash.Hash
	form    canon
}

func newPile() *pile { return &pile{hash: sha256.New()} }

func (p *pile) addRow(r row) error {
	e := r.entry()
	p.entries = append(p.entries, e[:]...)
	return nil
}

func (p *pile) addScan(values [][]byte) {
	p.form = p.form[:0]
	for _, v := range values {
		if v == nil {
			p.form.null()
			continue
		}
		p.form.bytes(v)
	}
	p.hash.Write(p.form)
	p.scans++
}
