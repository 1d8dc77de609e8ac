package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/audit"
	"traitortrack/internal/authz"
	"traitortrack/internal/notify"
	"traitortrack/internal/pg"
)

// Login checks a name and a password, and gives the user. From tells where the request comes from (address, device,
// request). A wrong name, a wrong password and an account that is shut are all invalid_credentials, in the same time. Five of
// them lock the name: account_locked, with retry_after in seconds. Who has two-factor login is refused with
// totp_required, and then, and only then, the user comes with the refusal, for a login that waits for LoginSecond.
func (s *Store) Login(ctx context.Context, from authz.Actor, username, password string) (User, error) {
	return s.LoginWithCode(ctx, from, username, password, "")
}

// LoginWithCode is Login with the code of an authenticator app, or a recovery code. A code that is wrong or was used is
// invalid_totp.
func (s *Store) LoginWithCode(ctx context.Context, from authz.Actor, username, password, code string) (User, error) {
	user, err := s.login(ctx, from, username, password, code)
	return user, s.tellLogin(err)
}

func (s *Store) login(ctx context.Context, from authz.Actor, username, password, code string) (User, error) {
	typed := cleanName(username)
	if err := s.refuseLocked(ctx, typed); err != nil {
		return User{}, errors.Join(err, s.recordLocked(ctx, from, typed))
	}
	row, err := find(ctx, New(s.db.For(ctx)), typed)
	if err != nil {
		return User{}, pg.Refusal(err)
	}
	right, err := s.check(ctx, row.PasswordHash, password)
	if err != nil {
		return User{}, err
	}
	user, err := s.settle(ctx, try{from: from, typed: typed, row: row, right: right && row.Active, code: code})
	if err == nil {
		s.rehash(ctx, row, password)
	}
	return user, err
}

// LoginSecond finishes a login whose password was right: userID and epoch are the waiting login's.
func (s *Store) LoginSecond(ctx context.Context, from authz.Actor, userID, epoch int64, code string) (User, error) {
	u, err := New(s.db.For(ctx)).getByID(ctx, userID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (!u.Active || u.SessionEpoch != epoch) {
		return User{}, errEnded()
	}
	if err != nil {
		return User{}, pg.Refusal(fmt.Errorf("read user %d: %w", userID, err))
	}
	user, err := s.settle(ctx, try{from: from, typed: u.Username, row: findByNameRow(u), right: true, code: code})
	return user, s.tellLogin(err)
}

// find gives the user of a name, or one without id and password.
func find(ctx context.Context, q *Queries, typed string) (findByNameRow, error) {
	row, err := q.findByName(ctx, typed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return row, fmt.Errorf("find a user by name: %w", err)
	}
	return row, nil
}

// try is one login whose password has been looked at. Nobody knows yet whether it counts.
type try struct {
	from  authz.Actor
	typed string
	row   findByNameRow
	right bool
	code  string
}

// settleTimeout bounds what a login writes, which a client cannot escape by going away.
const settleTimeout = 5 * time.Second

// settle decides a try under the lock of its name: however many guesses come at once, the outcome of a sixth is told to
// nobody.
func (s *Store) settle(ctx context.Context, t try) (User, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var user User
	var refused error
	err := s.db.Tx(ctx, func(tx pgx.Tx) error {
		var err error
		user, refused, err = s.decide(ctx, tx, t)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return user, refused
}

func (s *Store) decide(ctx context.Context, tx pgx.Tx, t try) (User, error, error) {
	q, now := New(tx), s.now()
	a, err := hold(ctx, q, t.typed, now)
	if err != nil {
		return User{}, nil, err
	}
	if a.locked(now) {
		return User{}, errLocked(a.until, now), t.record(ctx, tx, "login_failed", "locked")
	}
	if !t.right {
		return User{}, errCredentials(), t.fail(ctx, tx, a.failed(now), "password")
	}
	factor, refused, err := s.secondFactor(ctx, q, t)
	switch {
	case err != nil:
		return User{}, nil, err
	case factor == factorMissing:
		return t.user(), refused, nil
	case factor == factorReplayed:
		return User{}, refused, t.record(ctx, tx, "login_failed", factor)
	case refused != nil:
		return User{}, refused, t.fail(ctx, tx, a.failed(now), factor)
	}
	if _, err := q.deleteLock(ctx, t.typed); err != nil {
		return User{}, nil, err
	}
	if err := q.noteLogin(ctx, noteLoginParams{Now: now, OrgID: t.row.OrgID, ID: t.row.ID}); err != nil {
		return User{}, nil, err
	}
	t.from.UserID = t.row.ID
	return t.user(), nil, t.record(ctx, tx, "login_success", factor)
}

func (t try) user() User {
	return User{ID: t.row.ID, OrgID: t.row.OrgID, Username: t.row.Username, Role: authz.Role(t.row.Role), Area: t.row.Area,
		Epoch: t.row.SessionEpoch, MustChangePassword: t.row.MustChangePassword}
}

// fail counts a failure, and tells the admins where it locks an account. For a name that nobody has it does the same work.
func (t try) fail(ctx context.Context, tx pgx.Tx, a attempts, why string) error {
	q := New(tx)
	if err := q.writeLock(ctx, writeLockParams{Failures: int32(a.failures), LastFailedAt: &a.last, LockedUntil: orNil(a.until), Typed: t.typed}); err != nil { //nolint:gosec // the lock begins at five
		return fmt.Errorf("count a failure: %w", err)
	}
	if err := t.record(ctx, tx, "login_failed", why); err != nil || a.until.IsZero() {
		return err
	}
	if err := t.record(ctx, tx, "account_locked", why); err != nil {
		return err
	}
	return notify.ToAdmins(ctx, tx, notify.Admins{OrgID: t.row.OrgID}, notify.Notice{Kind: notify.AccountLocked, Subject: t.row.ID,
		Link:    "/users?q=" + url.QueryEscape(t.row.Username),
		Message: fmt.Sprintf("The account %s is locked for %d minutes after %d wrong tries.", t.row.Username, int(lockFor.Minutes()), maxFailures)})
}

// record audits a login. A name that nobody has belongs to no organization.
func (t try) record(ctx context.Context, tx pgx.Tx, action, why string) error {
	t.from.OrgID = t.row.OrgID
	return audit.Record(ctx, tx, t.from, audit.Entry{Action: action, EntityType: "user", EntityID: known(t.row.ID), Subject: t.row.ID,
		Details: map[string]any{"reason": why}, Personal: audit.Personal{Details: map[string]any{"username": t.typed}}})
}

// recordLocked audits a try at a name that is locked, without looking at its password.
func (s *Store) recordLocked(ctx context.Context, from authz.Actor, typed string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return s.db.Tx(ctx, func(tx pgx.Tx) error {
		row, err := find(ctx, New(tx), typed)
		if err != nil {
			return err
		}
		return try{from: from, typed: typed, row: row}.record(ctx, tx, "login_failed", "locked")
	})
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
