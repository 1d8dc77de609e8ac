package promotion

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// longestText is how many characters a reason or a note has at most.
const longestText = 500

// above reports whether somebody may do more in a role than in another. A role that does not exist is above none.
func above(wanted, present authz.Role) bool {
	order := []authz.Role{authz.Dispatcher, authz.Biller, authz.Admin}
	return slices.Index(order, wanted) > slices.Index(order, present)
}

// Choices gives the roles that somebody may ask for, the next one first: none for an admin.
func Choices(present authz.Role) []authz.Role {
	var higher []authz.Role
	for _, role := range []authz.Role{authz.Biller, authz.Admin} {
		if above(role, present) {
			higher = append(higher, role)
		}
	}
	return higher
}

// judgeAsk decides whether somebody may ask for a role. The reason is clean already.
func judgeAsk(present, wanted authz.Role, reason string) error {
	switch {
	case len(Choices(present)) == 0:
		return errs.New(errs.Conflict, "no_higher_role", "You are an admin: there is no role above yours.")
	case !slices.Contains(Choices(present), wanted):
		return errs.Field("role", "invalid_role", "Ask for a role above yours, which is %s.", present)
	case reason == "":
		return errs.Field("reason", "invalid_reason", "Say why, so that an admin can decide.")
	case utf8.RuneCountInString(reason) > longestText:
		return errs.Field("reason", "invalid_reason", "A reason has at most %d characters.", longestText)
	}
	return nil
}

// checkNote refuses a note that is too long.
func checkNote(note string) error {
	if utf8.RuneCountInString(note) > longestText {
		return errs.Field("note", "invalid_note", "A note has at most %d characters.", longestText)
	}
	return nil
}

// asker is who asked, as they are now.
type asker struct {
	id     int64
	name   string
	role   authz.Role
	active bool
}

// judgeAnswer decides whether an actor may give an answer to a request as it stands now.
func judgeAnswer(actorID int64, who asker, wanted authz.Role, status string, yes bool) error {
	switch {
	case actorID == who.id:
		return errs.New(errs.Forbidden, "own_request", "Nobody answers their own request. Ask another admin.")
	case status != Open:
		return errs.New(errs.Conflict, "promotion_answered", "This request is no longer open: it was %s.", status)
	case yes && !who.active:
		return errs.New(errs.Conflict, "user_inactive", "%s cannot log in any more. Reactivate the account first, or decline.", who.name)
	case yes && !above(wanted, who.role):
		return errs.New(errs.Conflict, "promotion_moot", "%s is %s already. Decline to close the request.", who.name, one(who.role))
	}
	return nil
}

// one names somebody of a role.
func one(role authz.Role) string {
	if role == authz.Admin {
		return "an admin"
	}
	return "a " + string(role)
}

// clean makes one line of what was typed, without what nobody can see.
func clean(typed string) string {
	visible := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.IsControl(c), unicode.Is(unicode.Cf, c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(typed, ""))
	return strings.Join(strings.Fields(visible), " ")
}
