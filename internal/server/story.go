package server

import "traitortrack/internal/bag"

// storyLine is one event of a bag's story in words: what it says of the bag that is looked at, and the other bag, if
// there is one to go to.
type storyLine struct {
	bag.Event
	Tone string // accepted, duplicate, refused or note
	Says string
	Link string // code of the other bag
}

// tell puts a bag's events into words, as seen from the bag with this code.
func tell(code string, events []bag.Event) []storyLine {
	lines := make([]storyLine, len(events))
	for i, e := range events {
		lines[i] = storyLine{Event: e, Tone: tone(e.Event, e.Outcome)}
		lines[i].Says, lines[i].Link = sentence(code, e)
	}
	return lines
}

func tone(event, outcome string) string {
	switch {
	case event != "scan" && event != "bill":
		return "note"
	case outcome == "opened" || outcome == "resumed" || outcome == "linked":
		return "accepted"
	case outcome == "duplicate":
		return "duplicate"
	default:
		return "refused"
	}
}

// sentence gives what happened, to be followed by the other bag's code where there is one.
func sentence(code string, e bag.Event) (string, string) {
	if e.Code != code {
		return asParent(e), e.Code
	}
	switch e.Event {
	case "unlink":
		return "Taken out of", e.ParentCode
	case "close":
		return "Closed by hand", ""
	case "reopen":
		return "Opened again", ""
	case "bill":
		return onBill(e), ""
	case "unbill":
		return "Taken off bill " + e.Other, ""
	}
	switch e.Outcome {
	case "opened":
		return "Opened", ""
	case "resumed":
		return "Taken up again", ""
	case "linked":
		return "Put into", e.ParentCode
	case "duplicate":
		return "Scanned again into", e.ParentCode
	}
	return "Refused: " + why(e), e.ParentCode
}

// asParent words an event of another bag that took place at this parent.
func asParent(e bag.Event) string {
	switch {
	case e.Event == "unlink":
		return "Taken out:"
	case e.Outcome == "linked":
		return "Received"
	case e.Outcome == "duplicate":
		return "Scanned again, and already here:"
	}
	return "Refused (" + why(e) + "):"
}

func onBill(e bag.Event) string {
	switch e.Outcome {
	case "linked":
		return "Put on bill " + e.Other
	case "duplicate":
		return "Scanned again onto bill " + e.Other
	}
	return "Refused for a bill: " + why(e)
}

// why words a refusal's code.
func why(e bag.Event) string {
	switch e.Outcome {
	case "parent_required":
		return "no parent was open"
	case "other_area":
		return "another area's parent"
	case "wrong_kind":
		return "the wrong kind of bag"
	case "linked_elsewhere":
		return "it was in " + e.Other
	case "parent_billed":
		return "the parent's bill was completed"
	case "parent_full":
		return "the parent was full"
	case "parent_completed":
		return "the parent was closed by hand"
	case "parent_empty":
		return "it was empty"
	case "on_other_bill":
		return "it was on bill " + e.Other
	case "bill_completed":
		return "the bill was completed"
	case "bill_full":
		return "the bill was full"
	}
	return e.Outcome
}
