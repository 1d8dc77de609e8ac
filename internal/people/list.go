package people

import (
	"context"
	"fmt"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/page"
	"traitortrack/internal/pg"
)

// Filter says which users a list shows. An empty member filters nothing.
type Filter struct {
	Q      string     // beginning of a name or of a mail address
	Role   authz.Role // one role only
	Active *bool      // those who may log in, or those who may not
	Cursor string     // where the page before ended
	Limit  int        // 1 to page.MaxLimit; 0 is page.DefaultLimit
}

// place is a user's place in a list: their folded name.
type place struct {
	Key string `json:"k"`
}

// List gives a page of the users of the actor's organization, in the order of their names. It refuses with
// invalid_filter or invalid_cursor.
func (s *Store) List(ctx context.Context, actor authz.Actor, f Filter) (page.List[Person], error) {
	none := page.List[Person]{}
	if err := actor.Require(authz.Users); err != nil {
		return none, err
	}
	params := peopleFromParams{OrgID: actor.OrgID, Prefix: account.Clean(f.Q), Active: f.Active}
	switch f.Role {
	case "":
	case authz.Dispatcher, authz.Biller, authz.Admin:
		params.Role = (*string)(&f.Role)
	default:
		return none, errs.Field("role", "invalid_filter", "A role is dispatcher, biller or admin.")
	}
	if f.Limit == 0 {
		f.Limit = page.DefaultLimit
	}
	var from place
	if _, err := page.Decode(f.Cursor, &from); err != nil {
		return none, err
	}
	params.After, params.Most = account.Clean(from.Key), page.Most(f.Limit)
	var list page.List[Person]
	err := s.db.Read(ctx, func(tx pg.Tx) error {
		var err error
		list, err = s.list(ctx, New(tx), params, f.Limit)
		return err
	})
	return list, err
}

func (s *Store) list(ctx context.Context, q *Queries, params peopleFromParams, limit int) (page.List[Person], error) {
	rows, err := q.peopleFrom(ctx, params)
	if err != nil {
		return page.List[Person]{}, fmt.Errorf("list the users of organization %d: %w", params.OrgID, err)
	}
	cut := page.Cut(rows, limit, func(r peopleFromRow) any { return place{Key: r.Key} })
	ids := make([]int64, len(cut.Items))
	for i, r := range cut.Items {
		ids[i] = r.ID
	}
	found, err := s.describe(ctx, q, params.OrgID, ids)
	return page.List[Person]{Items: found, Next: cut.Next}, err
}
