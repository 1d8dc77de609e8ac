package notify

import (
	"fmt"
	"time"

	"traitortrack/internal/mail"
)

// Letter writes the mail of a password link. base is the address under which people reach the server.
func (l Link) Letter(base string) mail.Message {
	subject, why, otherwise := "Set a new password", "Somebody asked for a new password for your account",
		"If it was not you, do nothing: your password stays as it is."
	if l.Purpose == "invitation" {
		subject, why, otherwise = "Your account in TraitorTrack", "An account was made for you", "If you do not expect this, tell whoever runs the warehouse."
	}
	text := fmt.Sprintf("Hello %s,\n\n%s at %s. Choose your password here. The link is good once, and until %s:\n\n%s\n\n%s\n",
		l.Username, why, l.Organization, l.until(), base+l.Path(), otherwise)
	return mail.Message{To: l.Email, Subject: subject, Text: text}
}

// until is the link's end as a clock in the warehouse shows it.
func (l Link) until() string {
	zone, err := time.LoadLocation(l.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return l.Until.In(zone).Format("15:04 on 2 January 2006 (MST)")
}
