package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"traitortrack/internal/mail"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
)

// Mailed is what became of one try to send a mail.
type Mailed string

// What can become of it.
const (
	MailSent     Mailed = "sent"
	MailFailed   Mailed = "failed"   // it is tried again
	MailHopeless Mailed = "hopeless" // the server refuses it for good
	MailNeedless Mailed = "needless" // its link was used or is too old, or its user cannot log in any more
	MailOff      Mailed = "off"      // no mail server is configured, or the user has no address
)

// post sends the mails of the outbox. A mail is sent at least once: where the server's answer is lost, it is sent again.
type post struct {
	db     *pg.DB
	sender *mail.Sender
	base   string // the address under which people reach the server
	log    *slog.Logger
	now    func() time.Time
	count  func(Mailed)
}

// linkMailer sends the mails that carry a password link.
type linkMailer struct {
	river.WorkerDefaults[notify.LinkMail]
	post
}

// Work makes the link's token and sends it. Every try has a token of its own, so that none outlives its mail in a table.
func (l *linkMailer) Work(ctx context.Context, job *river.Job[notify.LinkMail]) error {
	if !l.sender.On() {
		return l.giveUp(ctx, MailOff, "mail not sent: no SMTP_URL", job.Kind, slog.Int64("link", job.Args.LinkID))
	}
	var link notify.Link
	err := l.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		link, err = notify.Mint(ctx, tx, job.Args.OrgID, job.Args.LinkID, l.now())
		return err
	})
	switch {
	case errors.Is(err, notify.ErrNoLink):
		return l.giveUp(ctx, MailNeedless, "mail not sent: its link is of no use any more", job.Kind, slog.Int64("link", job.Args.LinkID))
	case err != nil:
		return fmt.Errorf("make link %d: %w", job.Args.LinkID, err)
	case link.Email == "":
		return l.giveUp(ctx, MailOff, "mail not sent: the user has no address", job.Kind, slog.Int64("user", link.UserID))
	}
	err = l.sender.Send(ctx, link.Letter(l.base))
	return l.settle(ctx, err, job.Kind, notify.Lost{OrgID: job.Args.OrgID, UserID: link.UserID, Username: link.Username, What: link.Purpose})
}

// NextRetry says when a mail is tried again.
func (l *linkMailer) NextRetry(job *river.Job[notify.LinkMail]) time.Time {
	return l.now().Add(pause(job.Attempt))
}

// plainMailer sends the mails that anybody may read.
type plainMailer struct {
	river.WorkerDefaults[notify.PlainMail]
	post
}

// Work sends a mail. Every try has the same id, so that a mail program shows it once.
func (p *plainMailer) Work(ctx context.Context, job *river.Job[notify.PlainMail]) error {
	if !p.sender.On() {
		return p.giveUp(ctx, MailOff, "mail not sent: no SMTP_URL", job.Kind, slog.Int64("user", job.Args.UserID))
	}
	to, err := notify.RecipientOf(ctx, p.db, job.Args.OrgID, job.Args.UserID)
	switch {
	case err != nil:
		return err
	case to.Email == "":
		return p.giveUp(ctx, MailOff, "mail not sent: the user has no address", job.Kind, slog.Int64("user", job.Args.UserID))
	}
	err = p.sender.Send(ctx, mail.Message{To: to.Email, Subject: job.Args.Subject, Text: job.Args.Text, ID: "traitortrack-" + strconv.FormatInt(job.ID, 10)})
	return p.settle(ctx, err, job.Kind, notify.Lost{OrgID: job.Args.OrgID, UserID: job.Args.UserID, Username: to.Username, What: "mail"})
}

// NextRetry says when a mail is tried again.
func (p *plainMailer) NextRetry(job *river.Job[notify.PlainMail]) time.Time {
	return p.now().Add(pause(job.Attempt))
}

// settle takes the server's answer. What it refuses for good is noted where people find it, and not tried again.
func (p *post) settle(ctx context.Context, err error, kind string, lost notify.Lost) error {
	switch {
	case err == nil:
		p.count(MailSent)
		return nil
	case !mail.Hopeless(err):
		p.count(MailFailed)
		return err
	}
	lost.Why = err.Error()
	if err := p.db.Tx(ctx, func(tx pgx.Tx) error { return lost.Record(ctx, tx) }); err != nil {
		return err
	}
	return p.giveUp(ctx, MailHopeless, "mail refused for good", kind, slog.Int64("user", lost.UserID), slog.Any("error", err))
}

// giveUp ends a job that another try would not help, and says so in the log: nothing pretends to have been sent.
func (p *post) giveUp(ctx context.Context, outcome Mailed, what, kind string, about ...slog.Attr) error {
	p.count(outcome)
	p.log.LogAttrs(ctx, slog.LevelWarn, what, append([]slog.Attr{slog.String("job", kind)}, about...)...)
	return river.JobCancel(errors.New(what))
}

// The pauses between tries double from the first to the longest: a server that greylists takes the second or third, and
// one that is away for a night still gets the mail.
const (
	firstPause   = 15 * time.Second
	longestPause = time.Hour
)

// pause gives how long to wait after a try, the first being 1. A fifth of it is chance, so that mails that failed
// together do not come back together.
func pause(attempt int) time.Duration {
	wait := longestPause
	if doubled := max(attempt, 1) - 1; doubled < 8 {
		wait = min(firstPause<<doubled, longestPause)
	}
	return wait - rand.N(wait/5) //nolint:gosec // nobody gains by guessing a pause
}
