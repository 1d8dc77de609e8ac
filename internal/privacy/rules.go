package privacy

import (
	"strings"

	"traitortrack/internal/errs"
)

// maxReason is how long a reason may be, in characters.
const maxReason = 500

// mayErase gives the reason as it is written down, or refuses. The reason stays in the audit log for ever, so it must not
// name who is erased.
func mayErase(actorID int64, who holdRow, reason string) (string, error) {
	if actorID == who.ID {
		return "", errs.New(errs.Forbidden, "own_account", "This is your own account. Another admin can erase it.")
	}
	reason = strings.TrimSpace(reason)
	if reason == "" || len([]rune(reason)) > maxReason {
		return "", errs.Field("reason", "invalid_reason", "Say why, in up to %d characters: it stands in the audit log.", maxReason)
	}
	for _, name := range who.names() {
		if strings.Contains(strings.ToLower(reason), name) {
			return "", errs.Field("reason", "invalid_reason", "Say why without naming them: the reason stays in the audit log when they are gone from it.")
		}
	}
	return reason, nil
}
