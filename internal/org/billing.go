package org

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/pg"
)

// billed is an organization's billing, with the time zone that its days are told in.
type billed struct {
	Billing
	location *time.Location
}

// Billing gives an organization's standing as it is now, and its time zone. It is not cached: the gate is.
func (s *Store) Billing(ctx context.Context, orgID int64) (Billing, *time.Location, error) {
	b, err := readBilling(ctx, New(s.db.For(ctx)), orgID)
	return b.Billing, b.location, pg.Refusal(err)
}

func readBilling(ctx context.Context, q *Queries, orgID int64) (billed, error) {
	row, err := q.getBilling(ctx, orgID)
	if errors.Is(err, pgx.ErrNoRows) {
		return billed{}, errNoOrganization(orgID)
	}
	if err != nil {
		return billed{}, fmt.Errorf("read the billing of organization %d: %w", orgID, err)
	}
	location, err := time.LoadLocation(row.TimeZone)
	if err != nil {
		return billed{}, fmt.Errorf("time zone of organization %d: %w", orgID, err)
	}
	b := billed{Billing: Billing{Standing: Standing(row.Standing), GraceDays: int(row.GraceDays)}, location: location}
	if row.TrialEndsAt != nil {
		b.TrialEnds = *row.TrialEndsAt
	}
	if row.PastDueSince != nil {
		b.Since = *row.PastDueSince
	}
	return b, nil
}

func errNoOrganization(orgID int64) error {
	return errs.New(errs.NotFound, "organization_not_found", "There is no organization %d.", orgID)
}

// SetBilling sets an organization's standing in the caller's transaction, and tells the instances that listen at
// PostgreSQL once it commits; Announce tells those that listen at Redis. One that lacks what belongs to it is invalid_billing.
func SetBilling(ctx context.Context, tx pgx.Tx, actor authz.Actor, orgID int64, to Billing) error {
	if err := to.check(); err != nil {
		return err
	}
	to = to.trimmed()
	q := New(tx)
	if _, err := q.lockOrganization(ctx, orgID); errors.Is(err, pgx.ErrNoRows) {
		return errNoOrganization(orgID)
	} else if err != nil {
		return fmt.Errorf("lock organization %d: %w", orgID, err)
	}
	before, err := readBilling(ctx, q, orgID)
	if err != nil {
		return err
	}
	if err := writeBilling(ctx, q, orgID, to); err != nil {
		return fmt.Errorf("set the billing of organization %d: %w", orgID, err)
	}
	actor.OrgID = orgID
	return audit.Record(ctx, tx, actor, audit.Entry{Action: "set_billing", EntityType: "organization",
		EntityID: strconv.FormatInt(orgID, 10), Before: before.state(), After: to.state()})
}

func writeBilling(ctx context.Context, q *Queries, orgID int64, b Billing) error {
	row := putBillingParams{OrgID: orgID, Standing: string(b.Standing)}
	switch b.Standing {
	case Trialing:
		row.TrialEndsAt = &b.TrialEnds
	case PastDue:
		days := int32(b.GraceDays) //nolint:gosec // at most a year of days
		row.PastDueSince, row.GraceDays = &b.Since, &days
	}
	return errors.Join(q.putBilling(ctx, row), q.announce(ctx, orgID))
}

// state is a billing as the audit log shows it.
func (b Billing) state() map[string]any {
	m := map[string]any{"standing": b.Standing}
	switch b.Standing {
	case Trialing:
		m["trial_ends_at"] = b.TrialEnds.UTC()
	case PastDue:
		m["past_due_since"], m["grace_days"] = b.Since.UTC(), b.GraceDays
	}
	return m
}

// Admins names up to five people who run an organization, for those who need to know whom to ask.
func (s *Store) Admins(ctx context.Context, orgID int64) ([]string, error) {
	return s.admins.get(ctx, orgID, func(ctx context.Context, orgID int64) ([]string, error) {
		names, err := New(s.db.For(ctx)).listAdmins(ctx, orgID)
		if err != nil {
			return nil, pg.Refusal(fmt.Errorf("list the admins of organization %d: %w", orgID, err))
		}
		return names, nil
	})
}
