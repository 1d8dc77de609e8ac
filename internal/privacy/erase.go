package privacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// Erased is what is left of a person: a number, and the name that stands for them from now on.
type Erased struct {
	ID       int64
	Username string
}

// Erase takes a person out of everything that is kept. Their sessions
// end within a second. What they did stays, under that name: bags tell their story, and the seals of the audit log
// hold. The event is delete_user, with the state before that names nobody, and the reason. It refuses with
// user_not_found, own_account, last_admin or invalid_reason.
func (s *Store) Erase(ctx context.Context, actor authz.Actor, username, reason string) (Erased, error) {
	if err := actor.Require(authz.Users); err != nil {
		return Erased{}, err
	}
	var erased Erased
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		q := New(tx)
		if err := q.takeTime(ctx); err != nil {
			return err
		}
		who, err := holdBoth(ctx, q, actor, username)
		if err != nil {
			return err
		}
		if reason, err = mayErase(actor.UserID, who, reason); err != nil {
			return err
		}
		erased.ID = who.ID
		erased.Username, err = s.erase(ctx, tx, actor, who, reason)
		return err
	})
	if err != nil {
		return Erased{}, pg.Refusal(err)
	}
	return erased, nil
}

// holdBoth holds the actor, who has to be an admin still, and then whoever is to be erased: of two who erase each other, the second is
// refused.
func holdBoth(ctx context.Context, q *Queries, actor authz.Actor, username string) (holdRow, error) {
	admin, err := q.holdActor(ctx, holdActorParams{OrgID: actor.OrgID, ID: actor.UserID})
	if err == nil && !admin {
		return holdRow{}, errs.New(errs.Forbidden, "forbidden", "You are no admin any more. Ask one to do it.")
	}
	if err != nil {
		return holdRow{}, fmt.Errorf("hold user %d: %w", actor.UserID, err)
	}
	who, err := q.hold(ctx, holdParams{OrgID: actor.OrgID, Username: account.Clean(username)})
	if errors.Is(err, pgx.ErrNoRows) {
		return holdRow{}, errNobody()
	}
	if err != nil {
		return holdRow{}, fmt.Errorf("hold a user of organization %d: %w", actor.OrgID, err)
	}
	return who, nil
}

func (s *Store) erase(ctx context.Context, tx pgx.Tx, actor authz.Actor, who holdRow, reason string) (string, error) {
	q := New(tx)
	name, err := q.anonymize(ctx, anonymizeParams{Now: s.now(), OrgID: actor.OrgID, ID: who.ID})
	if err != nil {
		return "", fmt.Errorf("rename user %d: %w", who.ID, err)
	}
	err = audit.Record(ctx, tx, actor, audit.Entry{Action: "delete_user", EntityType: "user", EntityID: strconv.FormatInt(who.ID, 10),
		Details: map[string]any{"reason": reason, "erased": true},
		Before:  map[string]any{"role": who.Role, "active": who.Active, "created_at": who.CreatedAt.UTC().Format(time.RFC3339)}})
	if err != nil {
		return "", err
	}
	if err := eraseMails(ctx, tx, actor.OrgID, who); err != nil { // before the links that they name
		return "", err
	}
	orgID, id := actor.OrgID, who.ID
	for _, step := range []func() error{
		func() error { return q.eraseSessions(ctx, eraseSessionsParams{OrgID: orgID, UserID: id}) },
		func() error { return q.eraseFactor(ctx, eraseFactorParams{OrgID: orgID, UserID: id}) },
		func() error { return q.eraseTokens(ctx, eraseTokensParams{OrgID: orgID, UserID: id}) },
		func() error { return q.eraseLinks(ctx, eraseLinksParams{OrgID: orgID, UserID: id}) },
		func() error { return q.eraseNotices(ctx, eraseNoticesParams{OrgID: orgID, UserID: id}) },
		func() error { return q.erasePromotions(ctx, erasePromotionsParams{OrgID: orgID, UserID: id}) },
		func() error { return q.eraseLock(ctx, who.Username) },
		func() error {
			_, err := q.erasePersonal(ctx, erasePersonalParams{OrgID: orgID, UserID: id, Names: who.names()})
			return err
		},
	} {
		if err := step(); err != nil {
			return "", fmt.Errorf("erase user %d: %w", id, err)
		}
	}
	return name, nil
}

// names are what a person is found by, in lower case.
func (r holdRow) names() []string {
	names := []string{strings.ToLower(r.Username)}
	if r.Email != "" {
		names = append(names, strings.ToLower(r.Email))
	}
	return names
}

// mailsOf finds the jobs of mails to a person, and those that are over and name them. A mail to somebody else that is still
// to be sent stays, and is gone a day later.
const mailsOf = `DELETE FROM river.river_job j WHERE j.state <> 'running' AND (
	j.args ->> 'org_id' = $1::bigint::text AND (j.args ->> 'user_id' = $2::bigint::text
		OR j.kind = 'mail_link' AND j.args ->> 'link_id' IN (SELECT l.id::text FROM password_link l WHERE l.org_id = $1 AND l.user_id = $2))
	OR j.finalized_at IS NOT NULL AND EXISTS (SELECT FROM unnest($3::text[]) n
		WHERE position(n IN lower(j.args::text || coalesce(array_to_string(j.errors, ' '), ''))) > 0))`

func eraseMails(ctx context.Context, tx pgx.Tx, orgID int64, who holdRow) error {
	if _, err := tx.Exec(ctx, mailsOf, orgID, who.ID, who.names()); err != nil {
		return fmt.Errorf("erase the mails of user %d: %w", who.ID, err)
	}
	return nil
}
