package people

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// held is a user whose row nobody else changes until the end of the transaction.
type held struct {
	id       int64
	username string
	profile
	active, invited bool
}

// change holds a user, lets do decide and write, and gives them as they are then. The actor is held as well and has to be an
// admin still: of two who take each other's role away, the second is refused. It refuses with user_not_found.
func (s *Store) change(ctx context.Context, actor authz.Actor, username string, do func(tx pgx.Tx, who held) error) (Person, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Person{}, err
	}
	var after Person
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		who, err := hold(ctx, New(tx), actor, username)
		if err != nil {
			return err
		}
		if err := do(tx, who); err != nil {
			return err
		}
		after, err = s.find(ctx, New(tx), actor.OrgID, who.username)
		return err
	})
	return after, err
}

func hold(ctx context.Context, q *Queries, actor authz.Actor, username string) (held, error) {
	rows, err := q.holdPeople(ctx, holdPeopleParams{OrgID: actor.OrgID, Username: account.Clean(username), ActorID: actor.UserID})
	if err != nil {
		return held{}, fmt.Errorf("hold a user of organization %d: %w", actor.OrgID, err)
	}
	var meant *held
	for _, r := range rows {
		if r.ID == actor.UserID {
			if err := asTheyAre(actor, r).Require(authz.Users); err != nil {
				return held{}, err
			}
		}
		if r.Meant {
			meant = &held{id: r.ID, username: r.Username, profile: profile{email: r.Email, role: authz.Role(r.Role), area: r.Area},
				active: r.Active, invited: r.Invited}
		}
	}
	if meant == nil {
		return held{}, errNobody()
	}
	return *meant, nil
}

// asTheyAre gives the actor with the role that they have now: none where they are shut out.
func asTheyAre(actor authz.Actor, r holdPeopleRow) authz.Actor {
	actor.Role = authz.Role(r.Role)
	if !r.Active {
		actor.Role = ""
	}
	return actor
}

// record audits a change to a user.
func (h held) record(ctx context.Context, tx pgx.Tx, actor authz.Actor, e audit.Entry) error {
	e.EntityType, e.EntityID, e.Subject = "user", strconv.FormatInt(h.id, 10), h.id
	return audit.Record(ctx, tx, actor, e)
}
