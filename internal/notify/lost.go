package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
)

// Recipient is a user whom a mail is for. Email is empty where there is no such user, or they have no address.
type Recipient struct{ Username, Email string }

// RecipientOf gives a user's name and address as they are now.
func RecipientOf(ctx context.Context, db *pg.DB, orgID, userID int64) (Recipient, error) {
	row, err := New(db.For(ctx)).getRecipient(ctx, getRecipientParams{OrgID: orgID, ID: userID})
	if errors.Is(err, pgx.ErrNoRows) {
		return Recipient{}, nil
	}
	if err != nil {
		return Recipient{}, pg.Refusal(fmt.Errorf("read the address of user %d: %w", userID, err))
	}
	return Recipient(row), nil
}

// Lost is a mail that the server refuses for good.
type Lost struct {
	OrgID, UserID int64
	Username      string
	What          string // reset, invitation or mail
	Why           string // the server's codes
}

// Record audits the loss. Of a lost invitation the admins are told, since somebody waits for it who cannot ask. Of a
// reset they are not: anybody may ask for one, and would fill their notices.
func (l Lost) Record(ctx context.Context, tx pgx.Tx) error {
	err := audit.Record(ctx, tx, authz.Actor{OrgID: l.OrgID}, audit.Entry{Action: "mail_refused", EntityType: "user",
		EntityID: strconv.FormatInt(l.UserID, 10), Details: map[string]any{"mail": l.What, "reason": l.Why}, Subject: l.UserID})
	if err != nil || l.What != "invitation" {
		return err
	}
	return ToAdmins(ctx, tx, Admins{OrgID: l.OrgID}, Notice{Kind: MailRefused, Link: "/users?q=" + url.QueryEscape(l.Username), Subject: l.UserID,
		Message: fmt.Sprintf("The invitation of %s was not delivered: the mail server does not take their address. Correct it and invite them again.", l.Username)})
}
