package privacy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/pg"
)

// rowsAtOnce bounds how many rows of a person's are in memory.
const rowsAtOnce = 1000

// Write writes all that is kept of a person as one JSON object. However much that is, a part of it is in memory.
func (s *Store) Write(ctx context.Context, p Person, out io.Writer) error {
	w := &object{out: out}
	q := New(s.db.For(ctx))
	w.member("generated_at", s.now().UTC())
	profile, err := q.profileOf(ctx, profileOfParams{OrgID: p.orgID, UserID: p.userID})
	if err != nil {
		return pg.Refusal(fmt.Errorf("read user %d: %w", p.userID, err))
	}
	w.member("user", json.RawMessage(profile))
	for _, part := range p.parts(q) {
		w.begin(part.name)
		if err := part.each(ctx, w.item); err != nil {
			return pg.Refusal(fmt.Errorf("read the %s of user %d: %w", part.name, p.userID, err))
		}
		w.end()
	}
	w.close()
	return w.err
}

// part is a list among a person's data.
type part struct {
	name string
	each func(ctx context.Context, do func(raw []byte)) error
}

func (p Person) parts(q *Queries) []part {
	return []part{
		{"sessions", whole(func(ctx context.Context) ([][]byte, error) {
			return q.sessionsOf(ctx, sessionsOfParams{OrgID: p.orgID, UserID: p.userID})
		})},
		{"api_tokens", whole(func(ctx context.Context) ([][]byte, error) {
			return q.tokensOf(ctx, tokensOfParams{OrgID: p.orgID, UserID: p.userID})
		})},
		{"notices", whole(func(ctx context.Context) ([][]byte, error) {
			return q.noticesOf(ctx, noticesOfParams{OrgID: p.orgID, UserID: p.userID})
		})},
		{"promotion_requests", whole(func(ctx context.Context) ([][]byte, error) {
			return q.promotionsOf(ctx, promotionsOfParams{OrgID: p.orgID, UserID: p.userID})
		})},
		{"bills", whole(func(ctx context.Context) ([][]byte, error) {
			return q.billsOf(ctx, billsOfParams{OrgID: p.orgID, UserID: p.userID})
		})},
		{"events_by_them", paged(func(ctx context.Context, after time.Time, id int64) ([]doneByRow, error) {
			return q.doneBy(ctx, doneByParams{OrgID: p.orgID, UserID: p.userID, After: after, AfterID: id, Most: rowsAtOnce})
		}, func(r doneByRow) (time.Time, int64, []byte) { return r.At, r.ID, r.Json })},
		{"events_about_them", paged(func(ctx context.Context, after time.Time, id int64) ([]doneToRow, error) {
			return q.doneTo(ctx, doneToParams{OrgID: p.orgID, EntityID: strconv.FormatInt(p.userID, 10), UserID: p.userID, After: after, AfterID: id, Most: rowsAtOnce})
		}, func(r doneToRow) (time.Time, int64, []byte) { return r.At, r.ID, r.Json })},
		{"scans", paged(func(ctx context.Context, after time.Time, id uuid.UUID) ([]scansByRow, error) {
			return q.scansBy(ctx, scansByParams{OrgID: p.orgID, UserID: p.userID, After: after, AfterID: id, Most: rowsAtOnce})
		}, func(r scansByRow) (time.Time, uuid.UUID, []byte) { return r.At, r.ID, r.Json })},
	}
}

// whole reads a list that is short.
func whole(read func(context.Context) ([][]byte, error)) func(context.Context, func([]byte)) error {
	return func(ctx context.Context, do func([]byte)) error {
		rows, err := read(ctx)
		for _, raw := range rows {
			do(raw)
		}
		return err
	}
}

// paged reads a list in pages, each from where the one before ended.
func paged[R, ID any](read func(context.Context, time.Time, ID) ([]R, error), of func(R) (time.Time, ID, []byte)) func(context.Context, func([]byte)) error {
	return func(ctx context.Context, do func([]byte)) error {
		var at time.Time
		var id ID
		for {
			rows, err := read(ctx, at, id)
			if err != nil {
				return err
			}
			for _, r := range rows {
				var raw []byte
				at, id, raw = of(r)
				do(raw)
			}
			if len(rows) < rowsAtOnce {
				return nil
			}
		}
	}
}

// object writes a JSON object bit by bit. The first error is kept, and nothing is written after it.
type object struct {
	out   io.Writer
	begun bool // something stands before the next member
	list  bool // something stands before the next item
	err   error
}

func (o *object) write(text string) {
	if o.err == nil {
		_, o.err = io.WriteString(o.out, text)
	}
}

func (o *object) name(name string) {
	o.write(map[bool]string{false: "{\n", true: ",\n"}[o.begun] + strconv.Quote(name) + ": ")
	o.begun = true
}

func (o *object) member(name string, value any) {
	raw, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = err
	}
	o.name(name)
	o.write(string(raw))
}

func (o *object) begin(name string) {
	o.name(name)
	o.write("[")
	o.list = false
}

func (o *object) item(raw []byte) {
	o.write(map[bool]string{false: "\n  ", true: ",\n  "}[o.list] + string(raw))
	o.list = true
}

func (o *object) end() { o.write("]") }

func (o *object) close() { o.write("\n}\n") }
