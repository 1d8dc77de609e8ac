package account

import (
	"strings"
	"testing"

	"traitortrack/internal/errs"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"asha":                    "asha",
		"  asha\r\n":              "asha",
		"a\u200bsha\x00":          "asha",
		"ａｓｈａ":                    "asha",
		"as\xffha":                "asha",
		"asha\u3164":              "asha", // a Korean letter that is drawn as nothing
		"\u2800as\ufe0fha\u034f":  "asha",
		"a b":                     "a b",
		"":                        "",
		strings.Repeat("é", 5000): strings.Repeat("é", maxTyped),
	} {
		if got := cleanName(typed); got != want {
			t.Errorf("%q became %q, not %q", typed, got, want)
		}
	}
}

func TestValidatePassword(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"":                         "invalid_password",
		"nine char":                "invalid_password",
		"ten chars!":               "",
		"ñandúñandú":               "",
		strings.Repeat("x", 1000):  "",
		strings.Repeat("x", 1001):  "invalid_password",
		strings.Repeat("é", 10000): "invalid_password",
	} {
		got := ""
		if refused := errs.As(ValidatePassword(password)); refused != nil {
			got = refused.Code
		}
		if got != want {
			t.Errorf("%.20q: %q, not %q", password, got, want)
		}
	}
}

func TestCheckNew(t *testing.T) {
	t.Parallel()
	good := NewUser{Username: "asha", Role: "dispatcher", Area: "North", Password: "seven green bags"}
	for _, tc := range []struct {
		name, code string
		change     func(*NewUser)
	}{
		{"good", "", func(*NewUser) {}},
		{"no name", "invalid_username", func(n *NewUser) { n.Username = "" }},
		{"a space in the name", "invalid_username", func(n *NewUser) { n.Username = "asha k" }},
		{"a long name", "invalid_username", func(n *NewUser) { n.Username = strings.Repeat("a", 61) }},
		{"no such role", "invalid_role", func(n *NewUser) { n.Role = "owner" }},
		{"a long area", "invalid_area", func(n *NewUser) { n.Area = strings.Repeat("a", 51) }},
		{"no mail address", "invalid_email", func(n *NewUser) { n.Email = "asha@example.org\r\nBcc: b@example.org" }},
		{"a common password", "invalid_password", func(n *NewUser) { n.Password = "password123" }},
		{"a common password for a demo", "", func(n *NewUser) { n.Password, n.AnyPassword = "password123", true }},
		{"a short password", "invalid_password", func(n *NewUser) { n.Password = "short" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n := good
			tc.change(&n)
			got := ""
			if refused := errs.As(checkNew(n)); refused != nil {
				got = refused.Code
			}
			if got != tc.code {
				t.Errorf("got %q, want %q", got, tc.code)
			}
		})
	}
}
