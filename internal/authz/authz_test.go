package authz_test

import (
	"slices"
	"testing"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

var actions = []authz.Action{authz.Scan, authz.Undo, authz.CloseParent, authz.UnlinkAny, authz.Bill, authz.DeleteBill, authz.DeleteBag,
	authz.Transfer, authz.Users, authz.Audit, authz.Operate, authz.Self}

func can(a authz.Actor) []authz.Action {
	var allowed []authz.Action
	for _, action := range actions {
		if a.Can(action) != (a.Require(action) == nil) {
			panic("Can and Require disagree")
		}
		if a.Can(action) {
			allowed = append(allowed, action)
		}
	}
	return allowed
}

func TestWhatEachMayDo(t *testing.T) {
	t.Parallel()
	dispatcher := []authz.Action{authz.Scan, authz.Undo, authz.CloseParent, authz.Self}
	biller := []authz.Action{authz.Scan, authz.Undo, authz.CloseParent, authz.UnlinkAny, authz.Bill, authz.Transfer, authz.Self}
	for _, tc := range []struct {
		name  string
		actor authz.Actor
		want  []authz.Action
	}{
		{"nobody", authz.Actor{}, nil},
		{"a dispatcher", authz.Actor{Role: authz.Dispatcher}, dispatcher},
		{"a biller", authz.Actor{Role: authz.Biller}, biller},
		{"an admin", authz.Actor{Role: authz.Admin}, actions},
		{"a session that only reads", authz.Actor{Role: authz.Admin, Reading: true}, actions},
		{"a token for nothing", authz.Actor{Role: authz.Admin, TokenID: 1, Reading: true}, nil},
		{"an admin's token to read, reading", authz.Actor{Role: authz.Admin, TokenID: 1, Scopes: authz.ReadScope, Reading: true}, []authz.Action{authz.Scan, authz.Bill}},
		{"an admin's token to read, writing", authz.Actor{Role: authz.Admin, TokenID: 1, Scopes: authz.ReadScope}, nil},
		{"a dispatcher's token to read", authz.Actor{Role: authz.Dispatcher, TokenID: 1, Scopes: authz.ReadScope, Reading: true}, []authz.Action{authz.Scan}},
		{"a dispatcher's token for everything", authz.Actor{Role: authz.Dispatcher, TokenID: 1, Scopes: 15}, []authz.Action{authz.Scan, authz.Undo, authz.CloseParent}},
		{"a biller's token to scan", authz.Actor{Role: authz.Biller, TokenID: 1, Scopes: authz.ScanScope}, []authz.Action{authz.Scan, authz.Undo, authz.CloseParent, authz.UnlinkAny}},
		{"a biller's token to bill", authz.Actor{Role: authz.Biller, TokenID: 1, Scopes: authz.BillScope}, []authz.Action{authz.Bill, authz.Transfer}},
		{"an admin's token to administrate", authz.Actor{Role: authz.Admin, TokenID: 1, Scopes: authz.AdminScope},
			[]authz.Action{authz.DeleteBill, authz.DeleteBag, authz.Users, authz.Audit, authz.Operate}},
	} {
		if got := can(tc.actor); !slices.Equal(got, tc.want) {
			t.Errorf("%s may %q, not %q", tc.name, got, tc.want)
		}
	}
}

func TestScopesHaveNames(t *testing.T) {
	t.Parallel()
	for s := authz.Scopes(1); s < 16; s++ {
		if back, err := authz.ParseScopes(s.Names()); err != nil || back != s {
			t.Errorf("%v came back as %v, %v", s, back, err)
		}
	}
	for _, bad := range [][]string{nil, {""}, {"read", "write"}, {"READ"}} {
		if _, err := authz.ParseScopes(bad); errs.As(err) == nil || errs.As(err).Code != "invalid_scopes" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestScopesOfARole(t *testing.T) {
	t.Parallel()
	for role, want := range map[authz.Role]authz.Scopes{
		authz.Dispatcher: authz.ReadScope | authz.ScanScope,
		authz.Biller:     authz.ReadScope | authz.ScanScope | authz.BillScope,
		authz.Admin:      authz.ReadScope | authz.ScanScope | authz.BillScope | authz.AdminScope,
		"nobody":         0,
	} {
		if got := authz.ScopesOf(role); got != want {
			t.Errorf("%s: %s, not %s", role, got, want)
		}
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	for owes, want := range map[authz.Duty]string{authz.ChangePassword: "password_change_required", authz.EnrolTOTP: "totp_enrolment_required"} {
		refused := errs.As(authz.Actor{Role: authz.Admin, Owes: owes}.Settled())
		if refused == nil || refused.Kind != errs.Forbidden || refused.Code != want {
			t.Errorf("%s: %v", owes, refused)
		}
	}
	if err := (authz.Actor{Role: authz.Admin}).Settled(); err != nil {
		t.Error(err)
	}
}
