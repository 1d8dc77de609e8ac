// Package errs is the vocabulary of refusals: a kind, a stable code, and a sentence that a user may read.
// Anything that is not an *Error is a fault of ours, and its text never reaches a user.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what sort of refusal an error is. The edge turns it into an HTTP status.
type Kind int

// The kinds, by what the caller can do about them.
const (
	Internal        Kind = iota // a fault of ours
	Malformed                   // the request cannot be read
	Unauthenticated             // log in first
	PaymentRequired             // the organization's billing is overdue
	Forbidden                   // not with this role or area
	NotFound                    // no such thing, or not one of yours
	WrongMethod                 // the address is there, but not for this method
	Conflict                    // the thing's present state forbids it
	TooLarge                    // the body is over its limit
	Unsupported                 // the content type is not one that is read here
	Invalid                     // a value is wrong; Field names it
	Locked                      // the account is locked
	RateLimited                 // too often
	Unavailable                 // a part that is needed is away; try again
)

// Error is a refusal. Code is stable and for programs, Message is for people.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Field   string            // the request's field that is wrong, where there is one
	Extra   map[string]string // further members of the problem, such as other_parent
	cause   error
}

// New makes a refusal of a kind. The format and its arguments become the message.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Field makes an Invalid refusal that names the request's field.
func Field(field, code, format string, args ...any) *Error {
	e := New(Invalid, code, format, args...)
	e.Field = field
	return e
}

// With answers a copy of the error with one more member for programs.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Extra = map[string]string{name: value}
	for k, v := range e.Extra {
		c.Extra[k] = v
	}
	return &c
}

// Wrap answers a copy of the error that remembers its cause, for the log only.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Error gives the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a refusal with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// As finds the refusal in err's chain, or answers nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
