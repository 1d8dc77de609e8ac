package promotion

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
)

// Approve gives whoever asked the role that they asked for, and tells them. It is known on every instance within a second, and
// their sessions go on. A note may be empty. It refuses with promotion_not_found, own_request, promotion_answered,
// user_inactive, promotion_moot and invalid_note.
func (s *Store) Approve(ctx context.Context, actor authz.Actor, id int64, note string) (Request, error) {
	return s.answer(ctx, actor, id, reply{yes: true, status: Approved, note: note})
}

// Decline says no, and tells whoever asked. It refuses like Approve, except that no request is moot to it.
func (s *Store) Decline(ctx context.Context, actor authz.Actor, id int64, note string) (Request, error) {
	return s.answer(ctx, actor, id, reply{status: Declined, note: note})
}

// reply is an answer.
type reply struct {
	yes          bool
	status, note string
}

func (s *Store) answer(ctx context.Context, actor authz.Actor, id int64, r reply) (Request, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Request{}, err
	}
	r.note = clean(r.note)
	if err := checkNote(r.note); err != nil {
		return Request{}, err
	}
	var after Request
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		who, wanted, err := s.decide(ctx, New(tx), actor, id, r.yes)
		if err != nil {
			return err
		}
		if err := s.write(ctx, tx, actor, id, who, wanted, r); err != nil {
			return err
		}
		after, err = describe(ctx, New(tx), actor.OrgID, id)
		return err
	})
	return after, err
}

// decide holds who answers and who asked, and then the request: of two admins who answer at once, one comes first, and the
// other finds the request answered.
func (s *Store) decide(ctx context.Context, q *Queries, actor authz.Actor, id int64, yes bool) (asker, authz.Role, error) {
	userID, err := q.askerOf(ctx, askerOfParams{OrgID: actor.OrgID, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return asker{}, "", errNone()
	}
	if err != nil {
		return asker{}, "", fmt.Errorf("find request %d: %w", id, err)
	}
	who, err := holdBoth(ctx, q, actor, userID)
	if err != nil {
		return asker{}, "", err
	}
	request, err := q.holdRequest(ctx, holdRequestParams{OrgID: actor.OrgID, ID: id})
	if err != nil {
		return asker{}, "", fmt.Errorf("hold request %d: %w", id, err)
	}
	wanted := authz.Role(request.Role)
	return who, wanted, judgeAnswer(actor.UserID, who, wanted, request.Status, yes)
}

// holdBoth holds the actor, who has to be an admin still, and gives who asked.
func holdBoth(ctx context.Context, q *Queries, actor authz.Actor, userID int64) (asker, error) {
	rows, err := q.holdUsers(ctx, holdUsersParams{OrgID: actor.OrgID, Ids: []int64{actor.UserID, userID}})
	if err != nil {
		return asker{}, fmt.Errorf("hold users %d and %d: %w", actor.UserID, userID, err)
	}
	var who asker
	for _, r := range rows {
		if r.ID == actor.UserID && (!r.Active || authz.Role(r.Role) != authz.Admin) {
			return asker{}, errs.New(errs.Forbidden, "forbidden", "You are no admin any more. Ask one to answer.")
		}
		if r.ID == userID {
			who = r.asker()
		}
	}
	return who, nil
}

func (s *Store) write(ctx context.Context, tx pgx.Tx, actor authz.Actor, id int64, who asker, wanted authz.Role, r reply) error {
	q := New(tx)
	err := q.answer(ctx, answerParams{OrgID: actor.OrgID, ID: id, Status: r.status, Note: r.note, AnsweredBy: actor.UserID, Now: s.now()})
	if err != nil {
		return fmt.Errorf("answer request %d: %w", id, err)
	}
	err = record(ctx, tx, actor, audit.Entry{Action: "promotion_" + r.status, Subject: who.id, Before: map[string]any{"status": Open, "role": wanted},
		After: map[string]any{"status": r.status, "role": wanted}, Personal: audit.Personal{Details: map[string]any{"note": r.note}}}, id)
	if err != nil {
		return err
	}
	if r.yes {
		if err := promote(ctx, tx, actor, who, wanted); err != nil {
			return err
		}
	}
	return notify.ToUser(ctx, tx, actor.OrgID, who.id, notify.Notice{Kind: notify.PromotionAnswered, Link: "/promotion", Subject: actor.UserID,
		Message: told(actor.Username, wanted, r)})
}

func promote(ctx context.Context, tx pgx.Tx, actor authz.Actor, who asker, to authz.Role) error {
	if err := New(tx).setRole(ctx, setRoleParams{OrgID: actor.OrgID, ID: who.id, Role: string(to)}); err != nil {
		return fmt.Errorf("promote user %d: %w", who.id, err)
	}
	return audit.Record(ctx, tx, actor, audit.Entry{Action: "role_change", EntityType: "user", EntityID: strconv.FormatInt(who.id, 10), Subject: who.id,
		Before: map[string]any{"role": who.role}, After: map[string]any{"role": to}})
}

// told is what whoever asked reads.
func told(admin string, wanted authz.Role, r reply) string {
	message := fmt.Sprintf("%s has declined your request to become %s.", admin, one(wanted))
	if r.yes {
		message = fmt.Sprintf("You are %s now: %s has granted your request.", one(wanted), admin)
	}
	if r.note != "" {
		message += " “" + r.note + "”"
	}
	return message
}
