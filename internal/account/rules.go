package account

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/text/unicode/norm"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
	"traitortrack/internal/mail"
)

// Bounds of what is typed. A longer password is not hashed, since that would be work for anybody who asks.
const (
	minPassword = 10   // characters
	maxPassword = 1000 // bytes
	maxUsername = 60   // characters
	maxArea     = 50   // characters
	maxTyped    = 100  // characters of a name that are looked at, and noted when it is wrong
)

// ValidatePassword refuses a new password that is too short or too long, that is among the commonest, or that is hardly
// more than a name of its user, as invalid_password. Any characters will do.
func ValidatePassword(password string, names ...string) error {
	if err := checkLength(password); err != nil {
		return err
	}
	if common(password, names) {
		return errs.Field("password", "invalid_password", "Many people choose a password like this, so it is guessed first. A few words that do not belong together are better.")
	}
	return nil
}

// validateNew refuses a new password in place of the present one.
func validateNew(wanted, present string, names ...string) error {
	if wanted == present {
		return errs.Field("new_password", "invalid_password", "This is the password that you have. Choose another.")
	}
	err := ValidatePassword(wanted, names...)
	if refused := errs.As(err); refused != nil {
		refused.Field = "new_password"
	}
	return err
}

func checkLength(password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return errs.Field("password", "invalid_password", "A password has at least %d characters. A few words in a row are easy to remember.", minPassword)
	case len(password) > maxPassword:
		return errs.Field("password", "invalid_password", "A password has at most %d bytes. Choose a shorter one.", maxPassword)
	}
	return nil
}

// What longest is looked at as a common password; nothing longer is on any list.
const longestCommon = 40

// common reports whether a password is among the first that anybody tries: on the lists of what people choose, a word of
// theirs with a year or a sign behind it, a row of keys, a repetition, or the user's own name.
func common(password string, names []string) bool {
	if utf8.RuneCountInString(password) > longestCommon {
		return false
	}
	own := guessedHere()
	for _, name := range names {
		if name != "" {
			own = append(own, strings.ToLower(name))
		}
	}
	return zxcvbn.PasswordStrength(password, own).Score == 0
}

// guessedHere are what is tried first as well, and is on none of the lists: the name of the program, and ways over the keyboard.
func guessedHere() []string {
	return []string{"traitortrack", "qazwsxedc", "qazwsxedcrfv", "1qazxsw2", "1qazxsw23edc", "qweasdzxc", "1a2b3c4d5e", "zaq1", "zaq12wsxcde3",
		"!qaz2wsx", "!qaz2wsx3edc", "1qaz@wsx", "1qaz@wsx3edc"}
}

// How often a name may be tried, and for how long it is locked then.
const (
	maxFailures = 5
	lockFor     = 30 * time.Minute
)

// attempts are the failures of one typed name.
type attempts struct {
	failures    int
	last, until time.Time // of the last failure, and until when the name is locked; zero for never
}

func (a attempts) locked(now time.Time) bool { return now.Before(a.until) }

// failed gives the attempts after one more failure. Failures older than a lock lasts are forgotten.
func (a attempts) failed(now time.Time) attempts {
	if !now.Before(a.last.Add(lockFor)) {
		a.failures, a.until = 0, time.Time{}
	}
	a.failures, a.last = a.failures+1, now
	if a.failures >= maxFailures {
		a.until = now.Add(lockFor)
	}
	return a
}

// duty gives what somebody has to do first.
func duty(mustChange, enrolled, needsTOTP bool) authz.Duty {
	switch {
	case mustChange:
		return authz.ChangePassword
	case needsTOTP && !enrolled:
		return authz.EnrolTOTP
	}
	return ""
}

// cleanName makes one form of the ways in which a name can be typed. What nobody can see is dropped.
func cleanName(typed string) string {
	visible := strings.Map(func(c rune) rune {
		if unseen(c) {
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

// emptyBraille is a character of its own to Unicode, and looks like a space.
const emptyBraille = '\u2800'

// unseen reports whether a character steers those beside it or is drawn as nothing: two names that differ in it look the same.
func unseen(c rune) bool {
	return c == emptyBraille || unicode.In(c, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// clean gives the user without white space around what was typed, and the name in the one form of its characters.
func (n NewUser) clean() NewUser {
	n.Username, n.Email, n.Area = norm.NFKC.String(strings.TrimSpace(n.Username)), strings.TrimSpace(n.Email), strings.TrimSpace(n.Area)
	return n
}

// checkNew refuses a new user of whom something is not right. What was typed is clean already.
func checkNew(n NewUser) error {
	if err := checkProfile(n); err != nil {
		return err
	}
	if n.AnyPassword {
		return checkLength(n.Password)
	}
	return ValidatePassword(n.Password, n.Username, n.Email)
}

func checkProfile(n NewUser) error {
	if err := checkUsername(n.Username); err != nil {
		return err
	}
	return CheckProfile(n.Role, n.Email, n.Area)
}

// checkUsername refuses a name that is not as everybody would type it: what cannot be seen in it could pass for another's.
func checkUsername(name string) error {
	length := utf8.RuneCountInString(name)
	if length < 1 || length > maxUsername || strings.ContainsFunc(name, unicode.IsSpace) || cleanName(name) != name || name == "." || name == ".." {
		return errs.Field("username", "invalid_username", "A user name has 1 to %d characters, no spaces, and nothing that cannot be seen.", maxUsername)
	}
	return nil
}

// CheckProfile refuses a role, a mail address or a dispatch area that is not right, with the field named. The address and
// the area may be empty.
func CheckProfile(role authz.Role, email, area string) error {
	switch role {
	case authz.Dispatcher, authz.Biller, authz.Admin:
	default:
		return errs.Field("role", "invalid_role", "A role is dispatcher, biller or admin.")
	}
	if utf8.RuneCountInString(area) > maxArea || !utf8.ValidString(area) || strings.ContainsFunc(area, unicode.IsControl) {
		return errs.Field("area", "invalid_area", "A dispatch area has at most %d characters, all on one line.", maxArea)
	}
	if email != "" && !mail.Plain(email) {
		return errs.Field("email", "invalid_email", "This is no mail address. Write it like asha@example.org.")
	}
	return nil
}
