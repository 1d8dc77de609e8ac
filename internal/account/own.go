package account

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
	"traitortrack/internal/session"
)

// Email gives the actor's own mail address, or nothing.
func (s *Store) Email(ctx context.Context, actor authz.Actor) (string, error) {
	if err := actor.Require(authz.Self); err != nil {
		return "", err
	}
	names, err := New(s.db.For(ctx)).getNames(ctx, getNamesParams{OrgID: actor.OrgID, ID: actor.UserID})
	if err != nil {
		return "", pg.Refusal(fmt.Errorf("read user %d: %w", actor.UserID, err))
	}
	return names.Email, nil
}

// EndSession ends one of the actor's own sessions, or refuses with session_not_found.
func (s *Store) EndSession(ctx context.Context, actor authz.Actor, sessions *session.Sessions, id string) error {
	if err := actor.Require(authz.Self); err != nil {
		return err
	}
	if err := sessions.EndOne(ctx, actor.UserID, id); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx pgx.Tx) error { return recordChange(ctx, tx, actor, "end_session", actor.UserID, 1) })
}

// EndOwnSessions ends all of the actor's own sessions, and gives the user for a new one.
func (s *Store) EndOwnSessions(ctx context.Context, actor authz.Actor) (User, error) {
	if err := actor.Require(authz.Self); err != nil {
		return User{}, err
	}
	var user User
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		if err := EndSessions(ctx, tx, actor, actor.UserID); err != nil {
			return err
		}
		row, err := New(tx).getByID(ctx, actor.UserID)
		if err != nil {
			return fmt.Errorf("read user %d: %w", actor.UserID, err)
		}
		user = try{row: findByNameRow(row)}.user()
		return nil
	})
	return user, err
}

// EndEverySession ends the sessions of everybody in every organization, on every instance within a second of the commit
// of the caller's transaction. It gives how many people that is.
func EndEverySession(ctx context.Context, tx pgx.Tx) (int64, error) {
	rows, err := New(tx).raiseEpochs(ctx)
	if err != nil {
		return 0, fmt.Errorf("end every session: %w", err)
	}
	var people int64
	for _, r := range rows {
		people += r.Count
		err := audit.Record(ctx, tx, authz.Actor{OrgID: r.OrgID}, audit.Entry{Action: "end_every_session", EntityType: "organization",
			EntityID: known(r.OrgID), Details: map[string]any{"users": r.Count}})
		if err != nil {
			return 0, err
		}
	}
	return people, nil
}
