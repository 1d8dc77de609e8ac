package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
)

// maxForgotten bounds how many accounts of one mail address get a link at once.
const maxForgotten = 5

// Forgot mails a link to whoever has a name or a mail address. It answers nil whether or not somebody has it, in the same
// time. Links that were asked for before stay good, so that of two mails either works. Without an outbox it does nothing.
func (s *Store) Forgot(ctx context.Context, from authz.Actor, typed string) error {
	if !s.Outbox.On() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		rows, err := New(tx).findForgotten(ctx, findForgottenParams{Typed: cleanName(typed), Most: maxForgotten})
		if err != nil {
			return fmt.Errorf("find who has forgotten their password: %w", err)
		}
		for _, row := range rows {
			if err := s.mailReset(ctx, tx, from, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// errTakenBack ends what was done in the name of who only stands in for nobody.
var errTakenBack = errors.New("taken back")

// mailReset makes a link and mails it. For a name that nobody has, the same is done in the name of whoever stands in, and
// taken back: the time of the answer tells nothing. What stays of that is a line in the audit log, without what was typed.
func (s *Store) mailReset(ctx context.Context, tx pgx.Tx, from authz.Actor, row findForgottenRow) error {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		id, _, err := s.insertLink(ctx, New(tx), row.OrgID, row.ID, Reset)
		if err != nil {
			return err
		}
		if err := s.Outbox.PasswordLink(ctx, tx, row.OrgID, id); err != nil {
			return err
		}
		if !row.Known {
			return errTakenBack
		}
		return nil
	})
	switch {
	case errors.Is(err, errTakenBack):
		return audit.Record(ctx, tx, from, audit.Entry{Action: "reset_unknown", EntityType: "user"})
	case err != nil:
		return err
	}
	from.OrgID = row.OrgID
	return recordLink(ctx, tx, from, row.ID, Reset, true)
}
