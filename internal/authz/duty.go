package authz

import "traitortrack/internal/errs"

// Duty is what somebody has to do before they may do anything else.
type Duty string

// The duties. Where both are owed, the password comes first.
const (
	ChangePassword Duty = "change password"
	EnrolTOTP      Duty = "enrol in two-factor login"
)

// Settled refuses whoever owes a duty, with password_change_required or totp_enrolment_required. The edge asks it of every
// request but those by which the duty is done, and logging out.
func (a Actor) Settled() error {
	switch a.Owes {
	case ChangePassword:
		return errs.New(errs.Forbidden, "password_change_required", "Choose a new password first. An admin has asked for it.")
	case EnrolTOTP:
		return errs.New(errs.Forbidden, "totp_enrolment_required", "Set up two-factor login first. Admins of this warehouse need it.")
	}
	return nil
}
