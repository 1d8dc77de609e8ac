package promotion

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/notify"
)

// Ask asks for a higher role in the actor's name, and tells the admins. One request is open at a time: another one is
// promotion_open. It refuses with no_higher_role, invalid_role and invalid_reason.
func (s *Store) Ask(ctx context.Context, actor authz.Actor, wanted authz.Role, reason string) (Request, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Request{}, err
	}
	reason = clean(reason)
	var asked Request
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		id, err := s.ask(ctx, tx, actor, wanted, reason)
		if err != nil {
			return err
		}
		asked, err = describe(ctx, New(tx), actor.OrgID, id)
		return err
	})
	return asked, err
}

func (s *Store) ask(ctx context.Context, tx pgx.Tx, actor authz.Actor, wanted authz.Role, reason string) (int64, error) {
	q := New(tx)
	who, err := hold(ctx, q, actor.OrgID, actor.UserID)
	if err != nil {
		return 0, err
	}
	if err := judgeAsk(who.role, wanted, reason); err != nil {
		return 0, err
	}
	if err := s.closeMoot(ctx, tx, actor, who); err != nil {
		return 0, err
	}
	id, err := q.insertRequest(ctx, insertRequestParams{OrgID: actor.OrgID, UserID: actor.UserID, Role: string(wanted), Reason: reason, Now: s.now()})
	if err != nil {
		return 0, fmt.Errorf("ask for user %d: %w", actor.UserID, err)
	}
	err = record(ctx, tx, actor, audit.Entry{Action: "promotion_asked", Subject: actor.UserID, After: map[string]any{"status": Open, "role": wanted},
		Personal: audit.Personal{Details: map[string]any{"reason": reason}}}, id)
	if err != nil {
		return 0, err
	}
	return id, notify.ToAdmins(ctx, tx, notify.Admins{OrgID: actor.OrgID, ButNot: actor.UserID}, notify.Notice{Kind: notify.PromotionAsked,
		Link: "/promotions", Subject: actor.UserID, Message: fmt.Sprintf("%s asks to become %s: %s", who.name, one(wanted), reason)})
}

// closeMoot withdraws a request that was overtaken: whoever has the role by now may ask for more.
func (s *Store) closeMoot(ctx context.Context, tx pgx.Tx, actor authz.Actor, who asker) error {
	open, err := New(tx).holdOpen(ctx, holdOpenParams{OrgID: actor.OrgID, UserID: actor.UserID})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for an open request of user %d: %w", actor.UserID, err)
	case above(authz.Role(open.Role), who.role):
		return errs.New(errs.Conflict, "promotion_open", "You have asked already. An admin will answer; you can take the request back meanwhile.")
	}
	return s.withdraw(ctx, tx, actor, open.ID)
}

// Withdraw takes the actor's open request back. Without one it is promotion_not_found.
func (s *Store) Withdraw(ctx context.Context, actor authz.Actor) (Request, error) {
	if err := actor.Require(authz.Self); err != nil {
		return Request{}, err
	}
	var after Request
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		open, err := q.holdOpen(ctx, holdOpenParams{OrgID: actor.OrgID, UserID: actor.UserID})
		if errors.Is(err, pgx.ErrNoRows) {
			return errNone()
		}
		if err != nil {
			return fmt.Errorf("look for an open request of user %d: %w", actor.UserID, err)
		}
		if err := s.withdraw(ctx, tx, actor, open.ID); err != nil {
			return err
		}
		after, err = describe(ctx, q, actor.OrgID, open.ID)
		return err
	})
	return after, err
}

func (s *Store) withdraw(ctx context.Context, tx pgx.Tx, actor authz.Actor, id int64) error {
	if err := New(tx).withdraw(ctx, withdrawParams{Now: s.now(), OrgID: actor.OrgID, ID: id}); err != nil {
		return fmt.Errorf("withdraw request %d: %w", id, err)
	}
	return record(ctx, tx, actor, audit.Entry{Action: "promotion_withdrawn", Subject: actor.UserID,
		Before: map[string]any{"status": Open}, After: map[string]any{"status": Withdrawn}}, id)
}

// hold holds one user until the end of the transaction.
func hold(ctx context.Context, q *Queries, orgID, userID int64) (asker, error) {
	rows, err := q.holdUsers(ctx, holdUsersParams{OrgID: orgID, Ids: []int64{userID}})
	if err != nil {
		return asker{}, fmt.Errorf("hold user %d: %w", userID, err)
	}
	if len(rows) == 0 || !rows[0].Active {
		return asker{}, errs.New(errs.Unauthenticated, "unauthenticated", "Your account is shut. Ask an admin.")
	}
	return rows[0].asker(), nil
}

func (r holdUsersRow) asker() asker {
	return asker{id: r.ID, name: r.Username, role: authz.Role(r.Role), active: r.Active}
}
