package jobs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/authz"
	"traitortrack/internal/jobs"
	"traitortrack/internal/mail"
	"traitortrack/internal/mailtest"
	"traitortrack/internal/notify"
	"traitortrack/internal/org"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
	"traitortrack/internal/report"
)

// mailroom is an instance that sends mail to an SMTP server of the test.
type mailroom struct {
	db     *pg.DB
	office *mailtest.Office
	outbox *notify.Outbox
	log    *lines
	org    int64
	asha   authz.Actor

	mu      sync.Mutex
	counted []jobs.Mailed
}

// open starts the jobs. They end with the test. on says whether a mail server is configured.
func openMailroom(t *testing.T, on bool) *mailroom {
	t.Helper()
	db := pgtest.New(t)
	m := &mailroom{db: db, office: mailtest.Open(t), log: &lines{}, org: pgtest.Org(t, db)}
	m.asha = pgtest.User(t, db, m.org, authz.Biller, "")
	exec(t, db, `UPDATE "user" SET username = 'Asha', email = 'asha@example.org' WHERE id = $1`, m.asha.UserID)
	address := m.office.URL
	if !on {
		address = ""
	}
	sender, err := mail.NewSender(address, "TraitorTrack <bags@example.org>")
	if err != nil {
		t.Fatal(err)
	}
	if m.outbox, err = notify.NewOutbox(sender.On()); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(m.log, nil))
	r, err := jobs.NewRunner(jobs.Deps{DB: db, Reports: report.NewStore(db, org.NewStore(db, time.Second, time.Now), time.Second, time.Now),
		Mail: sender, BaseURL: "https://bags.example.org", Mailed: m.note, Log: logger, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("the jobs: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return m
}

func exec(t *testing.T, db *pg.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (m *mailroom) note(o jobs.Mailed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counted = append(m.counted, o)
}

// want waits until a mail of a kind has come to an end, and holds what was counted against what is wanted.
func (m *mailroom) want(t *testing.T, kind, state string, counted ...jobs.Mailed) {
	t.Helper()
	eventually(t, m.db, `SELECT EXISTS (SELECT FROM river.river_job WHERE kind = '`+kind+`' AND state = '`+state+`')`)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.counted, counted) {
		t.Errorf("counted %v, not %v", m.counted, counted)
	}
}

// hurry makes the tries that wait due.
func (m *mailroom) hurry(t *testing.T) {
	t.Helper()
	eventually(t, m.db, `SELECT EXISTS (SELECT FROM river.river_job WHERE state = 'retryable')`)
	exec(t, m.db, `UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE state = 'retryable'`)
}

// link writes a password link and mails it, in one transaction.
func (m *mailroom) link(t *testing.T, purpose string, until time.Time) int64 {
	t.Helper()
	var id int64
	err := m.db.Tx(t.Context(), func(tx pgx.Tx) error {
		err := tx.QueryRow(t.Context(), `INSERT INTO password_link (org_id, user_id, purpose, created_at, expires_at) VALUES ($1, $2, $3, now(), $4) RETURNING id`,
			m.org, m.asha.UserID, purpose, until).Scan(&id)
		if err != nil {
			return err
		}
		return m.outbox.PasswordLink(t.Context(), tx, m.org, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func soon() time.Time { return time.Now().Add(time.Hour) }

// read gives a letter's headers and its text.
func read(t *testing.T, l mailtest.Letter) (netmail.Header, string) {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(l.Data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		t.Fatal(err)
	}
	return message.Header, string(text)
}

var inLink = regexp.MustCompile(`https://bags\.example\.org/password/([\w-]{43})\b`)

// token gives the token in a letter.
func token(t *testing.T, l mailtest.Letter) string {
	t.Helper()
	_, text := read(t, l)
	found := inLink.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no link in %s", text)
	}
	return found[1]
}

// opens reports whether a token is a link's.
func (m *mailroom) opens(t *testing.T, link int64, token string) bool {
	t.Helper()
	var kept []byte
	if err := m.db.Pool().QueryRow(t.Context(), `SELECT token_hash FROM password_link WHERE id = $1`, link).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(token))
	return bytes.Equal(kept, hash[:])
}

func TestALinkIsMailedAndItsTokenIsNowhereElse(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	link := m.link(t, "reset", soon())
	m.want(t, "mail_link", "completed", jobs.MailSent)
	letters := m.office.Letters()
	if len(letters) != 1 || letters[0].To != "asha@example.org" || letters[0].From != "bags@example.org" {
		t.Fatalf("letters: %+v", letters)
	}
	secret := token(t, letters[0])
	if !m.opens(t, link, secret) {
		t.Error("the mailed token does not open the link")
	}
	if header, text := read(t, letters[0]); header.Get("Subject") != "Set a new password" || !strings.Contains(text, "Hello Asha,") || !strings.Contains(text, "(IST)") {
		t.Errorf("the letter: %v\n%s", header, text)
	}
	var kept string
	if err := m.db.Pool().QueryRow(t.Context(), `SELECT string_agg(j::text, ' ') FROM river.river_job j`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{secret, "asha"} {
		if strings.Contains(strings.ToLower(kept+m.log.String()), strings.ToLower(hidden)) {
			t.Errorf("%s stands in a job or in the log:\n%s\n%s", hidden, kept, m.log)
		}
	}
}

func TestTheSameLinkIsMailedOnce(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	link := m.link(t, "invitation", soon())
	err := m.db.Tx(t.Context(), func(tx pgx.Tx) error { return m.outbox.PasswordLink(t.Context(), tx, m.org, link) })
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := m.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river.river_job WHERE kind = 'mail_link'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d jobs, %v", n, err)
	}
}

func TestAMailOfATransactionThatFailsIsNotSent(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	err := m.db.Tx(t.Context(), func(tx pgx.Tx) error {
		if err := m.outbox.Mail(t.Context(), tx, notify.PlainMail{OrgID: m.org, UserID: m.asha.UserID, Subject: "Never", Text: "Never"}); err != nil {
			return err
		}
		return context.Canceled
	})
	if err == nil {
		t.Fatal("committed")
	}
	var n int
	if err := m.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river.river_job WHERE kind = 'mail'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d jobs, %v", n, err)
	}
}

func TestAServerThatIsBusyIsTriedAgain(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	var asked atomic.Int32
	m.office.Refuse(func(to string) error {
		if asked.Add(1) == 1 {
			return mailtest.Busy(to)
		}
		return nil
	})
	link := m.link(t, "reset", soon())
	m.hurry(t)
	m.want(t, "mail_link", "completed", jobs.MailFailed, jobs.MailSent)
	if letters := m.office.Letters(); len(letters) != 1 || !m.opens(t, link, token(t, letters[0])) {
		t.Errorf("letters: %+v", letters)
	}
	if strings.Contains(m.log.String(), "example.org") || !strings.Contains(m.log.String(), "451 4.3.0") {
		t.Errorf("the log:\n%s", m.log)
	}
}

func TestAMailThatIsSentAgainKeepsItsID(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	err := m.db.Tx(t.Context(), func(tx pgx.Tx) error {
		return m.outbox.Mail(t.Context(), tx, notify.PlainMail{OrgID: m.org, UserID: m.asha.UserID, Subject: "Hello", Text: "A line.\n"})
	})
	if err != nil {
		t.Fatal(err)
	}
	m.want(t, "mail", "completed", jobs.MailSent)
	exec(t, m.db, `UPDATE river.river_job SET state = 'available', finalized_at = NULL WHERE kind = 'mail'`) // as if its end had not been written
	m.want(t, "mail", "completed", jobs.MailSent, jobs.MailSent)
	letters := m.office.Letters()
	if len(letters) != 2 {
		t.Fatalf("%d letters", len(letters))
	}
	first, _ := read(t, letters[0])
	second, _ := read(t, letters[1])
	if id := first.Get("Message-Id"); id == "" || id != second.Get("Message-Id") {
		t.Errorf("%q and %q", first, second)
	}
}

func TestAMailboxThatDoesNotExistIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	admin := pgtest.User(t, m.db, m.org, authz.Admin, "")
	m.office.Refuse(mailtest.Unknown)
	m.link(t, "invitation", soon())
	m.want(t, "mail_link", "cancelled", jobs.MailHopeless)
	var reason, told, link string
	var subject int64
	err := m.db.Pool().QueryRow(t.Context(), `SELECT a.details->>'reason', n.message, n.link, n.subject_id FROM audit_log a, notification n
		WHERE a.action = 'mail_refused' AND a.entity_id = ($1::bigint)::text AND n.user_id = $2`, m.asha.UserID, admin.UserID).Scan(&reason, &told, &link, &subject)
	if err != nil || !strings.Contains(reason, "550 5.1.1") || !strings.Contains(told, "Asha") || link != "/users?q=Asha" || subject != m.asha.UserID {
		t.Errorf("%q, %q, %q, %d, %v", reason, told, link, subject, err)
	}
	if !strings.Contains(m.log.String(), "mail refused for good") || strings.Contains(m.log.String(), "example.org") {
		t.Errorf("the log:\n%s", m.log)
	}
}

func TestMailsThatAreNotSent(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	used := m.link(t, "reset", soon())
	m.want(t, "mail_link", "completed", jobs.MailSent)
	for _, tc := range []struct {
		name, before string
		until        time.Time
		outcome      jobs.Mailed
	}{
		{"too old", `SELECT 1`, time.Now(), jobs.MailNeedless},
		{"no address", `UPDATE "user" SET email = NULL WHERE username = 'Asha'`, soon(), jobs.MailOff},
		{"shut out", `UPDATE "user" SET email = 'asha@example.org', active = false WHERE username = 'Asha'`, soon(), jobs.MailNeedless},
	} {
		m.mu.Lock()
		m.counted = nil
		m.mu.Unlock()
		exec(t, m.db, `DELETE FROM river.river_job WHERE kind = 'mail_link'`)
		exec(t, m.db, tc.before)
		m.link(t, "reset", tc.until)
		t.Log(tc.name)
		m.want(t, "mail_link", "cancelled", tc.outcome)
	}
	exec(t, m.db, `UPDATE "user" SET active = true WHERE username = 'Asha'`)
	exec(t, m.db, `UPDATE password_link SET used_at = now() WHERE id = $1`, used)
	err := m.db.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := notify.Mint(t.Context(), tx, m.org, used, time.Now())
		return err
	})
	if !errors.Is(err, notify.ErrNoLink) {
		t.Errorf("a link that was used: %v", err)
	}
	if letters := m.office.Letters(); len(letters) != 1 {
		t.Errorf("%d letters", len(letters))
	}
}

func TestWithoutAMailServerNothingPretends(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, false)
	link := m.link(t, "reset", soon())
	m.want(t, "mail_link", "cancelled", jobs.MailOff)
	if m.outbox.On() || !strings.Contains(m.log.String(), "mail not sent: no SMTP_URL") || m.opens(t, link, "") {
		t.Errorf("the log:\n%s", m.log)
	}
}

func TestASubjectIsOneLine(t *testing.T) {
	t.Parallel()
	m := openMailroom(t, true)
	for _, subject := range []string{"Hello\r\nBcc: mallory@example.org", "Hello\nthere", "Hello\x00"} {
		err := m.db.Tx(t.Context(), func(tx pgx.Tx) error {
			return m.outbox.Mail(t.Context(), tx, notify.PlainMail{OrgID: m.org, UserID: m.asha.UserID, Subject: subject})
		})
		if err == nil {
			t.Errorf("%q was taken", subject)
		}
	}
	exec(t, m.db, `UPDATE "user" SET username = E'Asha\r\nBcc: mallory@example.org' WHERE id = $1`, m.asha.UserID)
	m.link(t, "invitation", soon())
	m.want(t, "mail_link", "completed", jobs.MailSent)
	if letters := m.office.Letters(); len(letters) != 1 || letters[0].To != "asha@example.org" {
		t.Fatalf("letters: %+v", letters)
	}
	if header, _ := read(t, m.office.Letters()[0]); header.Get("Bcc") != "" {
		t.Errorf("a name wrote a header: %v", header)
	}
}
