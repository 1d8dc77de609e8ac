package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// Bounds of what is typed. A longer password is not hashed, since that would be work for anybody who asks.
const (
	minPassword = 10   // characters
	maxPassword = 1000 // bytes
	maxUsername = 60   // characters
	maxArea     = 50   // characters
	maxTyped    = 100  // characters of a name that are looked at, and noted when it is wrong
)

// ValidatePassword refuses a new password that is too short or too long, as invalid_password. Any characters will do.
func ValidatePassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return errs.Field("password", "invalid_password", "A password has at least %d characters. A few words in a row are easy to remember.", minPassword)
	case len(password) > maxPassword:
		return errs.Field("password", "invalid_password", "A password has at most %d bytes. Choose a shorter one.", maxPassword)
	}
	return nil
}

// cleanName makes one form of the ways in which a name can be typed. What nobody can see is dropped.
func cleanName(typed string) string {
	visible := strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Cc, c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, norm.NFKC.String(strings.ToValidUTF8(typed, "")))
	name := strings.TrimSpace(visible)
	if runes := []rune(name); len(runes) > maxTyped {
		return string(runes[:maxTyped])
	}
	return name
}

// checkNew refuses a new user whose name, role or area is not right. The name is clean already.
func checkNew(n NewUser) error {
	if length := utf8.RuneCountInString(n.Username); length < 1 || length > maxUsername || strings.ContainsFunc(n.Username, unicode.IsSpace) {
		return errs.Field("username", "invalid_username", "A user name has 1 to %d characters and no spaces.", maxUsername)
	}
	switch n.Role {
	case authz.Dispatcher, authz.Biller, authz.Admin:
	default:
		return errs.Field("role", "invalid_role", "A role is dispatcher, biller or admin.")
	}
	if utf8.RuneCountInString(n.Area) > maxArea {
		return errs.Field("area", "invalid_area", "A dispatch area has at most %d characters.", maxArea)
	}
	return ValidatePassword(n.Password)
}
