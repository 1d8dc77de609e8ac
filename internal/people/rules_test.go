package people

import (
	"strings"
	"testing"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

func code(err error) string {
	if refused := errs.As(err); refused != nil {
		return refused.Code
	}
	return ""
}

func TestWith(t *testing.T) {
	t.Parallel()
	was := profile{email: "asha@example.org", role: authz.Biller, area: "North"}
	role := func(r authz.Role) *authz.Role { return &r }
	for _, tc := range []struct {
		name, code string
		change     Change
		want       profile
	}{
		{"nothing", "", Change{}, was},
		{"all of it", "", Change{Email: new("a@b.example"), Role: role(authz.Admin), Area: new(" South ")}, profile{"a@b.example", authz.Admin, "South"}},
		{"taken away", "", Change{Email: new(""), Area: new("")}, profile{role: authz.Biller}},
		{"no such role", "invalid_role", Change{Role: role("owner")}, profile{}},
		{"no role", "invalid_role", Change{Role: role("")}, profile{}},
		{"no address", "invalid_email", Change{Email: new("asha")}, profile{}},
		{"an address with a header behind it", "invalid_email", Change{Email: new("a@b.example\r\nBcc: c@d.example")}, profile{}},
		{"two addresses", "invalid_email", Change{Email: new("a@b.example, c@d.example")}, profile{}},
		{"an area of two lines", "invalid_area", Change{Area: new("North\nSouth")}, profile{}},
		{"a long area", "invalid_area", Change{Area: new(strings.Repeat("é", 51))}, profile{}},
	} {
		got, err := was.with(tc.change)
		if code(err) != tc.code || err == nil && got != tc.want {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
}

func TestNobodySteersThemselves(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, code string
		err        error
	}{
		{"another's role", "", mayGive(1, 2, authz.Biller, authz.Admin)},
		{"one's own role", "own_role", mayGive(1, 1, authz.Admin, authz.Biller)},
		{"one's own role as it is", "", mayGive(1, 1, authz.Admin, authz.Admin)},
		{"the operator gives a role", "", mayGive(0, 1, authz.Admin, authz.Biller)},
		{"another's account", "", maySteer(1, 2, "")},
		{"one's own account", "own_account", maySteer(1, 1, "")},
		{"the operator", "", maySteer(0, 1, "")},
		{"somebody active", "", mustBeActive(true)},
		{"somebody shut out", "user_inactive", mustBeActive(false)},
	} {
		if code(tc.err) != tc.code {
			t.Errorf("%s: %v", tc.name, tc.err)
		}
	}
}

func TestTakesAway(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		from, to authz.Role
		want     bool
	}{
		{authz.Admin, authz.Biller, true}, {authz.Admin, authz.Dispatcher, true}, {authz.Biller, authz.Dispatcher, true},
		{authz.Dispatcher, authz.Biller, false}, {authz.Biller, authz.Admin, false}, {authz.Biller, authz.Biller, false},
	} {
		if got := takesAway(tc.from, tc.to); got != tc.want {
			t.Errorf("from %s to %s: %v", tc.from, tc.to, got)
		}
	}
}

func TestPurposeOf(t *testing.T) {
	t.Parallel()
	if purposeOf(true) != account.Invitation || purposeOf(false) != account.Reset {
		t.Error("who was invited gets an invitation, and anyone else a reset")
	}
}
