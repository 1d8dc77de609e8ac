package account

import (
	"time"

	"traitortrack/internal/errs"
)

// lifeOf gives how long a link is good.
func lifeOf(p Purpose) time.Duration {
	if p == Invitation {
		return 7 * 24 * time.Hour
	}
	return time.Hour
}

// checkLink refuses a link that is not good at a moment. Why is not told: whoever found it somewhere learns nothing.
func checkLink(l findLinkRow, now time.Time) error {
	if l.UsedAt != nil || !l.Active || !now.Before(l.ExpiresAt) {
		return errLink()
	}
	return nil
}

func errLink() error {
	return errs.New(errs.NotFound, "link_invalid", "This link is not good any more. It works once, and not for ever; a newer one takes its place. Ask for a new one.")
}
