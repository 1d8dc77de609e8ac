package pg

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"traitortrack/internal/errs"
)

var unavailable = errs.New(errs.Unavailable, "unavailable", "The database does not answer at the moment. Nothing was changed that you were not told of. Try again in a few seconds.")

// unwritable is the answer to a text that PostgreSQL cannot hold, where no rule has looked before.
var unwritable = errs.New(errs.Malformed, "malformed", "The request holds a character that no text has, such as NUL. Leave it out.")

// refusals are the rules' answers when only the constraint under the rule has seen the breach.
var refusals = map[string]*errs.Error{
	"bag_capacity":              errs.New(errs.Conflict, "parent_full", "This parent is full."),
	"bag_closed_holds":          errs.New(errs.Conflict, "parent_empty", "An empty parent is not closed. Scan a child into it first."),
	"link_pkey":                 errs.New(errs.Conflict, "linked_elsewhere", "This child was put into another parent a moment ago."),
	"bill_bag_pkey":             errs.New(errs.Conflict, "on_other_bill", "This parent was put on another bill a moment ago."),
	"bill_number_key":           errs.New(errs.Conflict, "bill_exists", "A bill with this number exists already."),
	"bill_capacity":             errs.New(errs.Conflict, "bill_full", "This bill holds as many parents as its capacity."),
	"bill_complete":             errs.New(errs.Conflict, "bill_incomplete", "A bill is completed when it holds as many parents as its capacity."),
	"organization_name_key":     errs.New(errs.Conflict, "organization_exists", "An organization of this name exists already."),
	"bag_format_name_key":       errs.New(errs.Conflict, "format_exists", "Two formats cannot have the same name."),
	"bag_org_id_format_id_fkey": errs.New(errs.Conflict, "format_in_use", "There are parents of a format that would be taken away. It stays as long as they do."),
	"user_username_key":         errs.New(errs.Conflict, "user_exists", "This user name is taken."),
	"user_last_admin":           errs.New(errs.Conflict, "last_admin", "This is the last admin of the organization. Make another one first."),

	"promotion_request_open_key": errs.New(errs.Conflict, "promotion_open", "You have asked already. An admin will answer."),
}

// raced are the keys for which two transactions race. The loser runs again, finds the winner's row, and its rule decides.
var raced = map[string]bool{
	"bag_code_key": true, "link_pkey": true, "bill_bag_pkey": true,
	"link_org_id_child_kind_child_id_fkey": true, "link_org_id_parent_kind_parent_id_fkey": true,
	"bill_bag_org_id_bag_kind_bag_id_fkey": true, "bill_bag_org_id_bill_id_fkey": true,
}

// away reports whether a SQLSTATE says that the server is going, gone or out of places (classes 08, 53 and 57P), that it
// was too slow (a lock or a statement over its time), or that every try ended in a deadlock or a serialization failure.
func away(code string) bool {
	switch code {
	case "55P03", "57014", "40P01", "40001":
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P")
}

// noText reports whether a SQLSTATE says that bytes are no text: a NUL, or what is not UTF-8.
func noText(code string) bool { return code == "22021" || code == "22P05" }

// lost reports whether the connection broke underneath a statement or a commit. Whether the commit took place is then
// unknown: a scan's id makes it safe to send again.
func lost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "conn closed")
}
