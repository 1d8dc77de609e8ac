package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"traitortrack/migrations"
)

// Outbox takes mail in a transaction. A job sends it after the commit, and tries again for a day where the mail server is
// away. It is safe for concurrent use.
type Outbox struct {
	on     bool
	client *river.Client[pgx.Tx]
}

// NewOutbox makes an outbox. on says whether a mail server is configured.
func NewOutbox(on bool) (*Outbox, error) {
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: migrations.JobSchema}) // it puts jobs in, and works none
	if err != nil {
		return nil, fmt.Errorf("set up the outbox: %w", err)
	}
	return &Outbox{on: on, client: client}, nil
}

// On reports whether mail is sent at all. Where it is not, show the link to the admin who asked for it (see Mint), and
// promise nobody a mail: what is put in the outbox all the same ends in the log as not sent.
func (o *Outbox) On() bool { return o != nil && o.on }

// MailQueue is the queue of the mails: a mail server that is slow holds up no other job.
const MailQueue = "mail"

// attempts is how often a mail is tried. With the pauses between them it is about a day.
const attempts = 30

// LinkMail asks for the mail of a password link. It names the link and holds no secret: the token is made when the mail
// is sent, and made anew when it is sent again.
type LinkMail struct {
	OrgID  int64 `json:"org_id"`
	LinkID int64 `json:"link_id"`
}

// Kind names the job.
func (LinkMail) Kind() string { return "mail_link" }

// InsertOpts let a link be mailed once, however often somebody asks.
func (LinkMail) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: MailQueue, MaxAttempts: attempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// PlainMail asks for a mail to a user. The address is the one that they have when it is sent.
type PlainMail struct {
	OrgID   int64  `json:"org_id"`
	UserID  int64  `json:"user_id"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Kind names the job.
func (PlainMail) Kind() string { return "mail" }

// InsertOpts say how a mail is tried.
func (PlainMail) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: MailQueue, MaxAttempts: attempts}
}

// PasswordLink mails a row of password_link, which the caller has written in the same transaction with no token_hash, to
// its user.
func (o *Outbox) PasswordLink(ctx context.Context, tx pgx.Tx, orgID, linkID int64) error {
	return o.put(ctx, tx, LinkMail{OrgID: orgID, LinkID: linkID})
}

// Mail mails a text to a user. It must hold no secret: until it is sent, and for a day after, it stands in a table.
func (o *Outbox) Mail(ctx context.Context, tx pgx.Tx, m PlainMail) error {
	if err := checkSubject(m.Subject); err != nil {
		return err
	}
	return o.put(ctx, tx, m)
}

// MailEveryAdmin mails a text to the admins of all organizations who have an address, where mail is sent at all. As with
// Mail it must hold no secret. However many they are, it takes two statements: who calls it has little time.
func (o *Outbox) MailEveryAdmin(ctx context.Context, tx pgx.Tx, subject, text string) error {
	if !o.On() {
		return nil
	}
	if err := checkSubject(subject); err != nil {
		return err
	}
	admins, err := New(tx).listMailedAdmins(ctx)
	if err != nil {
		return fmt.Errorf("find the admins who have an address: %w", err)
	}
	if len(admins) == 0 {
		return nil
	}
	mails := make([]river.InsertManyParams, len(admins))
	for i, a := range admins {
		mails[i].Args = PlainMail{OrgID: a.OrgID, UserID: a.ID, Subject: subject, Text: text}
	}
	if _, err := o.client.InsertManyTx(ctx, tx, mails); err != nil {
		return fmt.Errorf("put %d mails in the outbox: %w", len(mails), err)
	}
	return nil
}

func checkSubject(subject string) error {
	if strings.ContainsFunc(subject, unicode.IsControl) {
		return errors.New("the subject of a mail is one line without control characters")
	}
	return nil
}

func (o *Outbox) put(ctx context.Context, tx pgx.Tx, mail river.JobArgs) error {
	if _, err := o.client.InsertTx(ctx, tx, mail, nil); err != nil {
		return fmt.Errorf("put a mail in the outbox: %w", err)
	}
	return nil
}
