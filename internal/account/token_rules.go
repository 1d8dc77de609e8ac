package account

import (
	"unicode/utf8"

	"traitortrack/internal/authz"
	"traitortrack/internal/errs"
)

// Bounds of API tokens.
const (
	maxTokenName = 50  // characters
	maxTokenDays = 365 // that a token lasts
	maxTokens    = 20  // of one user
)

// checkToken refuses a new token whose name, scopes or life is not right. The name is clean already.
func checkToken(n NewToken) error {
	if length := utf8.RuneCountInString(n.Name); length < 1 || length > maxTokenName {
		return errs.Field("name", "invalid_token", "A token's name has 1 to %d characters, such as the program that uses it.", maxTokenName)
	}
	if n.Days < 1 || n.Days > maxTokenDays {
		return errs.Field("days", "invalid_token", "A token lasts 1 to %d days.", maxTokenDays)
	}
	return nil
}

// mayHave refuses a token with a scope that is of no use to a role, and one more than somebody may have.
func mayHave(role authz.Role, scopes authz.Scopes, has int64) error {
	if useful := authz.ScopesOf(role); scopes == 0 || scopes&^useful != 0 {
		return errs.Field("scopes", "invalid_scopes", "A token of yours is for one or more of %s.", useful)
	}
	if has >= maxTokens {
		return errs.New(errs.Conflict, "too_many_tokens", "You have %d tokens, and that is the most. Revoke one that is not used.", maxTokens)
	}
	return nil
}
