package account_test

import (
	"encoding/base32"
	"strings"
	"sync"
	"testing"
	"time"

	otp "github.com/pquerna/otp/totp"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/pg"
	"traitortrack/internal/pgtest"
)

// person is somebody with an authenticator app, whose clock is set by hand.
type person struct {
	db     *pg.DB
	store  *account.Store
	hands  *clock
	actor  authz.Actor
	secret string
	codes  []string
	user   account.User
}

func enrolled(t *testing.T) *person {
	t.Helper()
	db := pgtest.New(t)
	org := pgtest.Org(t, db)
	id := create(t, db, org, "asha")
	p := &person{db: db, hands: &clock{at: time.Now()}, actor: authz.Actor{UserID: id, OrgID: org, Username: "asha", Role: authz.Dispatcher}}
	p.store = account.NewStore(db, p.hands.now)
	p.store.Keys = keys(t, "first")
	begun, err := p.store.BeginEnrolment(t.Context(), p.actor)
	if err != nil {
		t.Fatal(err)
	}
	p.secret = begun.Secret
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.secret); err != nil || !strings.Contains(begun.URI, p.secret) {
		t.Fatalf("%+v: %v", begun, err)
	}
	if _, err := p.store.Login(t.Context(), from, "asha", password); err != nil {
		t.Fatalf("an enrolment that is not confirmed changes nothing: %v", err)
	}
	if _, _, err := p.store.Enrol(t.Context(), p.actor, "000000"); code(err) != "invalid_totp" {
		t.Fatalf("confirmed by a wrong code: %v", err)
	}
	if p.codes, p.user, err = p.store.Enrol(t.Context(), p.actor, p.code(t)); err != nil || len(p.codes) != 10 {
		t.Fatalf("%v, %v", p.codes, err)
	}
	p.hands.advance(30 * time.Second)
	return p
}

func keys(t *testing.T, names ...string) account.Keyring {
	t.Helper()
	var secrets []string
	for _, name := range names {
		secrets = append(secrets, strings.Repeat(name, 10))
	}
	k, err := account.NewKeyring(secrets[0], secrets[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// code gives what the app shows.
func (p *person) code(t *testing.T) string {
	t.Helper()
	c, err := otp.GenerateCode(p.secret, p.hands.now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *person) login(t *testing.T, second string) (account.User, error) {
	t.Helper()
	return p.store.LoginWithCode(t.Context(), from, "asha", password, second)
}

func TestLoginWithASecondFactor(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	if u, err := p.login(t, ""); code(err) != "totp_required" || u.ID != p.actor.UserID {
		t.Errorf("without a code: %+v, %v", u, err)
	}
	if _, err := p.store.LoginWithCode(t.Context(), from, "asha", "wrong password", p.code(t)); code(err) != "invalid_credentials" {
		t.Errorf("a right code with a wrong password: %v", err)
	}
	u, err := p.login(t, p.code(t))
	if err != nil || u != p.user {
		t.Errorf("got %+v, %v, want %+v", u, err, p.user)
	}
	if _, err := p.login(t, p.code(t)); code(err) != "invalid_totp" {
		t.Errorf("the same code again: %v", err)
	}
	p.hands.advance(30 * time.Second)
	if _, err := p.login(t, p.code(t)); err != nil {
		t.Errorf("the next code: %v", err)
	}
	if n := count(t, p.db, `SELECT count(*) FROM audit_log WHERE action = 'login_success' AND details->>'reason' = 'totp'`); n != 2 {
		t.Errorf("%d logins are audited with their factor", n)
	}
	if n := count(t, p.db, `SELECT count(*) FROM totp WHERE encode(sealed, 'escape') LIKE '%' || $1 || '%'`, p.secret); n != 0 {
		t.Error("the secret is kept in the clear")
	}
}

func TestLoginInTwoSteps(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	waiting, _ := p.login(t, "")
	if _, err := p.store.LoginSecond(t.Context(), from, waiting.ID, waiting.Epoch, ""); code(err) != "totp_required" {
		t.Errorf("no code: %v", err)
	}
	if _, err := p.store.LoginSecond(t.Context(), from, waiting.ID, waiting.Epoch-1, p.code(t)); code(err) != "unauthenticated" {
		t.Errorf("after the sessions were ended: %v", err)
	}
	if u, err := p.store.LoginSecond(t.Context(), from, waiting.ID, waiting.Epoch, p.code(t)); err != nil || u != p.user {
		t.Errorf("got %+v, %v", u, err)
	}
	exec(t, p.db, `UPDATE "user" SET active = false`)
	if _, err := p.store.LoginSecond(t.Context(), from, waiting.ID, waiting.Epoch, p.codes[0]); code(err) != "unauthenticated" {
		t.Errorf("shut out between the steps: %v", err)
	}
}

func TestRecoveryCodesAreGoodOnce(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	for n, c := range p.codes {
		if _, err := p.login(t, strings.ToUpper(c)); err != nil {
			t.Errorf("code %d: %v", n, err)
		}
		if _, err := p.login(t, c); code(err) != "invalid_totp" {
			t.Errorf("code %d again: %v", n, err)
		}
	}
	fresh, user, err := p.store.RenewRecoveryCodes(t.Context(), p.actor, p.code(t))
	if err != nil || user.Epoch != p.user.Epoch+1 {
		t.Fatal(user, err)
	}
	if _, err := p.login(t, fresh[3]); err != nil {
		t.Errorf("a new code: %v", err)
	}
	if f, err := p.store.TwoFactorOf(t.Context(), p.actor); err != nil || !f.On || f.CodesLeft != 9 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestWrongCodesLock(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	for range 5 {
		if _, err := p.login(t, "000000"); code(err) != "invalid_totp" {
			t.Fatal(err)
		}
	}
	if _, err := p.login(t, p.code(t)); code(err) != "account_locked" {
		t.Errorf("got %v", err)
	}
}

// The same code twenty times at once, on two instances, logs in once. Whoever comes late is no guesser: nothing locks.
func TestOneCodeRaces(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	other := account.NewStore(p.db, p.hands.now)
	other.Keys = p.store.Keys
	for _, second := range []string{p.code(t), p.codes[0]} {
		var mu sync.Mutex
		answers := map[string]int{}
		var wait sync.WaitGroup
		for n := range 20 {
			store := []*account.Store{p.store, other}[n%2]
			wait.Go(func() {
				_, err := store.LoginSecond(t.Context(), from, p.user.ID, p.user.Epoch, second)
				mu.Lock()
				defer mu.Unlock()
				answers[code(err)]++
			})
		}
		wait.Wait()
		if answers[""] != 1 {
			t.Errorf("%s: %v", second, answers)
		}
	}
}

func TestTheKeyIsChanged(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	p.store.Keys = keys(t, "second", "first")
	if _, err := p.login(t, p.code(t)); err != nil {
		t.Fatalf("the old key opens no more: %v", err)
	}
	p.store.Keys = keys(t, "second")
	p.hands.advance(30 * time.Second)
	if _, err := p.login(t, p.code(t)); err != nil {
		t.Errorf("it was not sealed anew: %v", err)
	}
	p.store.Keys = keys(t, "third")
	p.hands.advance(30 * time.Second)
	if _, err := p.login(t, p.code(t)); err == nil {
		t.Error("another key opens it")
	}
}

func TestTurnOff(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	off := func(pw, second string) error {
		_, err := p.store.TurnOff(t.Context(), p.actor, pw, second)
		return err
	}
	if err := off("wrong password", p.code(t)); code(err) != "wrong_password" {
		t.Errorf("a wrong password: %v", err)
	}
	if err := off(password, "000000"); code(err) != "invalid_totp" {
		t.Errorf("a wrong code: %v", err)
	}
	p.actor.Role, p.store.RequireAdmin2FA = authz.Admin, true
	if err := off(password, p.code(t)); code(err) != "totp_mandatory" {
		t.Errorf("an admin who needs it: %v", err)
	}
	p.store.RequireAdmin2FA = false
	if err := off(password, p.code(t)); err != nil {
		t.Errorf("an admin who does not need it: %v", err)
	}
	if _, err := p.login(t, ""); err != nil {
		t.Errorf("a login afterwards: %v", err)
	}
}

func TestDutiesAreKnown(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	exec(t, p.db, `UPDATE "user" SET role = 'admin'`)
	p.store.RequireAdmin2FA = true
	owes := func() authz.Duty {
		p.hands.advance(time.Second)
		a, err := p.store.Actor(t.Context(), p.user.ID, p.user.Epoch)
		if err != nil {
			t.Fatal(err)
		}
		return a.Owes
	}
	if got := owes(); got != "" {
		t.Errorf("enrolled: %q", got)
	}
	exec(t, p.db, `DELETE FROM totp`)
	if got := owes(); got != authz.EnrolTOTP {
		t.Errorf("not enrolled: %q", got)
	}
	exec(t, p.db, `UPDATE "user" SET must_change_password = true`)
	if got := owes(); got != authz.ChangePassword {
		t.Errorf("with a password to change: %q", got)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	exec(t, p.db, `UPDATE "user" SET must_change_password = true`)
	change := func(present, wanted string) (account.User, error) {
		return p.store.ChangePassword(t.Context(), p.actor, present, wanted)
	}
	if _, err := change("wrong password", "quiet river stones"); code(err) != "wrong_password" {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := change(password, "password123"); code(err) != "invalid_password" {
		t.Errorf("a common password: %v", err)
	}
	u, err := change(password, "quiet river stones")
	if err != nil || u.Epoch != p.user.Epoch+1 || u.MustChangePassword {
		t.Errorf("got %+v, %v", u, err)
	}
	if _, err := p.store.Actor(t.Context(), p.user.ID, p.user.Epoch); code(err) != "unauthenticated" {
		t.Errorf("a session from before: %v", err)
	}
	again, err := p.store.LoginWithCode(t.Context(), from, "asha", "quiet river stones", p.code(t))
	if err != nil || again != u {
		t.Errorf("the new password: %+v, %v", again, err)
	}
}

// TestALinkIsNoSecondFactor sets a new password by a link, which whoever reads the mail could: the code is asked for all the same.
func TestALinkIsNoSecondFactor(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	link := newLink(t, p.db, p.store, p.actor, p.actor.UserID, account.Reset)
	if _, err := p.store.UseLink(t.Context(), from, link.Token, "quiet river stones"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Login(t.Context(), from, "asha", "quiet river stones"); code(err) != "totp_required" {
		t.Errorf("the new password alone: %v", err)
	}
	if _, err := p.store.LoginWithCode(t.Context(), from, "asha", "quiet river stones", p.code(t)); err != nil {
		t.Errorf("with a code: %v", err)
	}
}

// TestAClockMayBeAStepOff logs in with codes of devices that go early and late, on two instances.
func TestAClockMayBeAStepOff(t *testing.T) {
	t.Parallel()
	p := enrolled(t)
	other := account.NewStore(p.db, p.hands.now)
	other.Keys = p.store.Keys
	shown := func(off time.Duration) string {
		c, err := otp.GenerateCode(p.secret, p.hands.now().Add(off))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	p.hands.advance(5 * time.Minute)
	for _, tc := range []struct {
		name  string
		store *account.Store
		code  string
		want  string
	}{
		{"two steps late", p.store, shown(-time.Minute), "invalid_totp"},
		{"two steps early", p.store, shown(time.Minute), "invalid_totp"},
		{"a step late", p.store, shown(-30 * time.Second), ""},
		{"the same on the other instance", other, shown(-30 * time.Second), "invalid_totp"},
		{"a step early", other, shown(30 * time.Second), ""},
		{"the same on the first instance", p.store, shown(30 * time.Second), "invalid_totp"},
		{"one before the one that was used", p.store, shown(0), "invalid_totp"},
	} {
		if _, err := tc.store.LoginWithCode(t.Context(), from, "asha", password, tc.code); code(err) != tc.want {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
