package bag_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"traitortrack/internal/authz"
	"traitortrack/internal/bag"
	"traitortrack/internal/errs"
	"traitortrack/internal/pgtest"
)

func refusal(err error) string {
	if e := errs.As(err); e != nil {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func TestARefusedScanLeavesNoRowButItsHistory(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.scan(t, 0, bag.Request{Code: "C0001", Parent: "SB00001"})
	for _, q := range []bag.Request{{Code: "C0002"}, {Code: "C0001", Parent: "SB00009"}, {Code: "SB00009", Parent: "SB00001"}, {Code: "C0009", Parent: "C0001"}} {
		if r := w.scan(t, 0, q); r.Refused == nil {
			t.Errorf("%+v: %+v", q, r)
		}
	}
	w.scan(t, 0, bag.Request{Code: "<script>"})
	if n := w.number(t, "SELECT count(*) FROM bag"); n != 2 {
		t.Errorf("%d bags, want 2", n)
	}
	if n := w.number(t, "SELECT count(*) FROM scan WHERE outcome <> 'linked'"); n != 4 {
		t.Errorf("%d refusals are kept, want 4: a code that is none is only counted", n)
	}
	if n := w.number(t, "SELECT sum(refused) FROM tally"); n != 5 {
		t.Errorf("%d refusals are counted, want 5", n)
	}
	story, err := w.instances[0].History(t.Context(), w.who, "c0002", "", 10)
	if err != nil || len(story.Items) != 1 || story.Items[0].Outcome != "parent_required" {
		t.Errorf("the story of a bag that never was: %+v, %v", story, err)
	}
}

func TestAreasHoldOnEveryPath(t *testing.T) {
	t.Parallel()
	w := open(t)
	north := pgtest.User(t, w.db, w.who.OrgID, authz.Dispatcher, "north")
	south := pgtest.User(t, w.db, w.who.OrgID, authz.Dispatcher, "south")
	biller := pgtest.User(t, w.db, w.who.OrgID, authz.Biller, "south")
	store, ctx := w.instances[0], t.Context()
	scan := func(who authz.Actor, child, parent string) string {
		results, err := store.Scan(ctx, who, []bag.Request{{Code: child, Parent: parent}})
		if err != nil {
			return err.Error()
		}
		return code(results[0])
	}
	if got := scan(north, "C0001", "SB00001"); got != "linked" {
		t.Fatal(got)
	}
	unlink := func(who authz.Actor) string { _, err := store.Unlink(ctx, who, "C0001"); return refusal(err) }
	closes := func(who authz.Actor) string { _, err := store.Close(ctx, who, "SB00001"); return refusal(err) }
	reopens := func(who authz.Actor) string { _, err := store.Reopen(ctx, who, "SB00001"); return refusal(err) }
	for _, c := range []struct{ name, got, want string }{
		{"scan the parent", scan(south, "SB00001", ""), "other_area"},
		{"scan into it", scan(south, "C0002", "SB00001"), "other_area"},
		{"close it", closes(south), "other_area"},
		{"close it in its area", closes(north), "ok"},
		{"reopen it", reopens(south), "other_area"},
		{"reopen it as a biller", reopens(biller), "ok"},
		{"take out another's child", unlink(south), "forbidden"},
		{"undo one's own", unlink(north), "ok"},
		{"undo it again", unlink(north), "not_linked"},
		{"close an empty one", closes(north), "parent_empty"},
		{"scan it without an area", scan(w.who, "C0001", "SB00001"), "linked"},
		{"take it out as a biller", unlink(biller), "ok"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestAnotherOrganizationsBagIsNotThere(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.scan(t, 0, bag.Request{Code: "C0001", Parent: "SB00001"})
	stranger := pgtest.User(t, w.db, pgtest.Org(t, w.db), authz.Admin, "")
	store, ctx := w.instances[0], t.Context()
	_, find := store.Find(ctx, stranger, "SB00001")
	_, closes := store.Close(ctx, stranger, "SB00001")
	_, unlinks := store.Unlink(ctx, stranger, "C0001")
	deletes := store.Delete(ctx, stranger, "C0001")
	if got := fmt.Sprint(refusal(find), refusal(closes), refusal(unlinks), refusal(deletes)); got != "bag_not_foundbag_not_foundnot_linkedbag_not_found" {
		t.Errorf("a stranger is told %s", got)
	}
	story, _ := store.History(ctx, stranger, "C0001", "", 10)
	list, _ := store.List(ctx, stranger, bag.Filter{})
	if len(story.Items)+len(list.Items) != 0 {
		t.Errorf("a stranger sees %v and %v", story, list)
	}
	results, err := store.Scan(ctx, stranger, []bag.Request{{Code: "C0001", Parent: "SB00001"}})
	if err != nil || results[0].Outcome != "linked" || results[0].Parent.Children != 1 {
		t.Errorf("the same codes in another organization: %+v, %v", results, err)
	}
}

func TestUndoDeleteAndRecent(t *testing.T) {
	t.Parallel()
	w := open(t)
	admin := pgtest.User(t, w.db, w.who.OrgID, authz.Admin, "")
	store, ctx := w.instances[0], t.Context()
	w.scan(t, 0, bag.Request{Code: "C0001", Parent: "SB00001"})
	recent, err := store.Recent(ctx, w.who, 10)
	if err != nil || len(recent) != 1 || !recent[0].Undoable {
		t.Fatalf("recent: %+v, %v", recent, err)
	}
	for _, want := range []string{"forbidden", "bag_linked", "bag_linked"} {
		who, bagCode := admin, "SB00001"
		if want == "forbidden" {
			who = w.who
		}
		if got := refusal(store.Delete(ctx, who, bagCode)); got != want {
			t.Errorf("delete: %s, want %s", got, want)
		}
	}
	if _, err := store.Unlink(ctx, w.who, "c0001"); err != nil {
		t.Fatal(err)
	}
	if recent, err = store.Recent(ctx, w.who, 10); err != nil || len(recent) != 1 || recent[0].Undoable {
		t.Errorf("recent after the undo: %+v, %v", recent, err)
	}
	for _, bagCode := range []string{"C0001", "SB00001"} {
		if got := refusal(store.Delete(ctx, admin, bagCode)); got != "ok" {
			t.Errorf("delete %s: %s", bagCode, got)
		}
	}
	story, err := store.History(ctx, admin, "SB00001", "", 10)
	if err != nil || len(story.Items) != 2 || story.Items[0].Event != "unlink" {
		t.Errorf("the story outlives its bag: %+v, %v", story, err)
	}
	if n := w.number(t, "SELECT sum(parents) * 100 + sum(children) * 10 + sum(links) FROM tally"); n != 0 {
		t.Errorf("the tally of nothing is %d", n)
	}
}

// TestRandomVerbs drives random verbs against a model as small as a map, and then recomputes every count from the rows.
func TestRandomVerbs(t *testing.T) {
	t.Parallel()
	w := open(t)
	admin := pgtest.User(t, w.db, w.who.OrgID, authz.Admin, "")
	where, closed := map[string]string{}, map[string]bool{} // the model: where a child is, and which parents are closed by hand
	holds := func(parent string) int {
		n := 0
		for _, p := range where {
			if p == parent {
				n++
			}
		}
		return n
	}
	rapid.Check(t, func(r *rapid.T) {
		child := fmt.Sprintf("C%04d", rapid.IntRange(0, 39).Draw(r, "child"))
		parent := fmt.Sprintf("M444-%05d", rapid.IntRange(0, 2).Draw(r, "parent"))
		var got, want string
		switch verb := rapid.IntRange(0, 9).Draw(r, "verb"); {
		case verb < 7:
			got = code(w.scan(t, verb, bag.Request{ScanID: uuid.New(), Code: " " + strings.ToLower(child) + "\n", Parent: parent}))
			switch {
			case where[child] == parent:
				want = "duplicate"
			case where[child] != "":
				want = "linked_elsewhere"
			case holds(parent) == 15:
				want = "parent_full"
			case closed[parent]:
				want = "parent_completed"
			default:
				want, where[child] = "linked", parent
			}
		case verb == 7:
			_, err := w.instances[0].Unlink(t.Context(), admin, child)
			got, want = refusal(err), "not_linked"
			if where[child] != "" {
				want, closed[where[child]] = "ok", false
				delete(where, child)
			}
		default:
			if holds(parent) == 0 {
				return // whether it is there is not the model's business
			}
			change, shut := w.instances[1].Close, holds(parent) < 15
			if verb == 9 {
				change, shut = w.instances[1].Reopen, false
			}
			b, err := change(t.Context(), admin, parent)
			got, want, closed[parent] = refusal(err), "ok", shut || verb == 8 && closed[parent]
			if b.ClosedByHand != closed[parent] || b.ChildCount != holds(parent) {
				r.Errorf("%s: %+v, want %d children, closed %t", parent, b, holds(parent), closed[parent])
			}
		}
		if got != want {
			r.Errorf("%s into %s: %s, want %s", child, parent, got, want)
		}
	})
	if n := w.number(t, "SELECT count(*) FROM link"); n != len(where) {
		t.Errorf("%d links, want %d", n, len(where))
	}
	if n := w.number(t, `SELECT count(*) FROM bag b WHERE kind = 'parent' AND (children, weight_grams, status) <>
		(SELECT count(*), coalesce(sum(weight_grams), 0), CASE WHEN count(*) = 0 THEN 'pending' WHEN count(*) = 15 OR b.closed_by_hand THEN 'completed' ELSE 'in_progress' END
		 FROM link WHERE parent_id = b.id)`); n != 0 {
		t.Errorf("%d parents do not say what their links say", n)
	}
	if n := w.number(t, `SELECT count(*) FROM (SELECT sum(parents) p, sum(children) c, sum(links) l, sum(accepted) a, sum(duplicate) d, sum(refused) r FROM tally) t
		WHERE (p, c, l, a, d, r) <> (SELECT count(*) FILTER (WHERE kind = 'parent'), count(*) FILTER (WHERE kind = 'child'), (SELECT count(*) FROM link),
			(SELECT count(*) FROM scan WHERE event = 'scan' AND outcome = 'linked'), (SELECT count(*) FROM scan WHERE event = 'scan' AND outcome = 'duplicate'),
			(SELECT count(*) FROM scan WHERE event = 'scan' AND outcome NOT IN ('linked', 'duplicate')) FROM bag)`); n != 0 {
		t.Error("the tally is not what the rows say")
	}
}

func TestAnOfflineScanKeepsItsOwnTime(t *testing.T) {
	t.Parallel()
	w := open(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	w.scan(t, 0, bag.Request{Code: "SB00001", ScannedAt: &at})
	future := time.Now().Add(time.Hour)
	if r := w.scan(t, 0, bag.Request{Code: "<no code>", ScannedAt: &future}); code(r) != "invalid_time" {
		t.Errorf("the clock comes before the code: %+v", r)
	}
	story, err := w.instances[0].History(t.Context(), w.who, "SB00001", "", 10)
	if err != nil || len(story.Items) != 1 || story.Items[0].DeviceAt == nil || !story.Items[0].DeviceAt.Equal(at) || story.Items[0].At.Before(at.Add(time.Minute)) {
		t.Errorf("%+v, %v", story.Items, err)
	}
}
