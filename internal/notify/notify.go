// Package notify tells people what happened: by notices in the pages and by mail. Both belong to the transaction of what
// they tell of: they come about with it, or not at all.
package notify

import (
	"context"
	"fmt"

	"traitortrack/internal/pg"
)

// Kind is what a notice is about.
type Kind string

// The kinds of notices.
const (
	BillCompleted     Kind = "bill_completed"
	PromotionAsked    Kind = "promotion_asked"
	PromotionAnswered Kind = "promotion_answered"
	AccountLocked     Kind = "account_locked"
	ImportFinished    Kind = "import_finished"
	PoolAlert         Kind = "pool_alert"
	TwoFactorOff      Kind = "two_factor_off"
	MailRefused       Kind = "mail_refused" // an invitation that the mail server does not deliver
)

// Notice is what somebody is told. Message is a sentence or two; Link is a path of ours where they can act on it, or
// empty. Subject is the user that it speaks of, 0 for none: erasing them takes the notice away.
type Notice struct {
	Kind    Kind
	Message string
	Link    string
	Subject int64
}

// Admins are those of an organization who are told. Also is told as well, admin or not; ButNot is not told, since they did
// it. Both are users' ids, 0 for none.
type Admins struct{ OrgID, Also, ButNot int64 }

// ToAdmins tells the admins of an organization.
func ToAdmins(ctx context.Context, tx pg.Tx, to Admins, n Notice) error {
	err := New(tx).notifyAdmins(ctx, notifyAdminsParams{OrgID: to.OrgID, Also: to.Also, ButNot: to.ButNot,
		Kind: string(n.Kind), Message: n.Message, Link: n.Link, SubjectID: n.Subject})
	if err != nil {
		return fmt.Errorf("tell the admins of organization %d of %s: %w", to.OrgID, n.Kind, err)
	}
	return nil
}

// ToEveryAdmin tells the admins of all organizations what concerns the whole deployment. Whoever calls it decides how
// often: it tells each time.
func ToEveryAdmin(ctx context.Context, tx pg.Tx, n Notice) error {
	err := New(tx).notifyEveryAdmin(ctx, notifyEveryAdminParams{Kind: string(n.Kind), Message: n.Message, Link: n.Link, SubjectID: n.Subject})
	if err != nil {
		return fmt.Errorf("tell every admin of %s: %w", n.Kind, err)
	}
	return nil
}

// ToUser tells one user.
func ToUser(ctx context.Context, tx pg.Tx, orgID, userID int64, n Notice) error {
	err := New(tx).notifyUser(ctx, notifyUserParams{OrgID: orgID, UserID: userID, Kind: string(n.Kind), Message: n.Message, Link: n.Link, SubjectID: n.Subject})
	if err != nil {
		return fmt.Errorf("tell user %d of %s: %w", userID, n.Kind, err)
	}
	return nil
}
