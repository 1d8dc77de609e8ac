package bag

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
	"traitortrack/internal/code"
	"traitortrack/internal/errs"
	"traitortrack/internal/tally"
)

var (
	mustard = code.Format{ID: 1, Name: "mustard", Pattern: "SB[0-9]{5,6}", Capacity: 3, ChildGrams: 1000}
	noon    = time.Date(2026, 11, 24, 6, 30, 0, 0, time.UTC)
	asha    = authz.Actor{UserID: 1, OrgID: 9, Username: "asha", Role: authz.Dispatcher}
	ravi    = authz.Actor{UserID: 2, OrgID: 9, Username: "ravi", Role: authz.Dispatcher, Area: "north"}
	lata    = authz.Actor{UserID: 3, OrgID: 9, Username: "lata", Role: authz.Biller, Area: "north"}
)

// shelf is a state with a bag of each sort: SB00001 open with C0001 in it (scanned by asha an hour ago), SB00002 full,
// SB00003 closed by hand, SB00004 in the area south, SB00005 on a completed bill, SB00006 empty, and C0009 in no parent.
func shelf(t testing.TB) *state {
	t.Helper()
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	s := newState(9, kolkata)
	for _, p := range []*parent{{code: "SB00001", children: 1, grams: 1000}, {code: "SB00002", children: 3}, {code: "SB00003", children: 1, closed: true},
		{code: "SB00004", area: "south", children: 1}, {code: "SB00005", children: 1, doneBill: "INV/7"}, {code: "SB00006"}} {
		p.id, p.capacity, p.childGrams = 7, 3, 1000
		s.parents[p.code] = p
	}
	s.children["C0001"] = &child{id: 8, code: "C0001", parent: "SB00001", by: asha.UserID, byName: "asha", since: noon.Add(-time.Hour), grams: 1000}
	s.children["C0004"] = &child{id: 10, code: "C0004", parent: "SB00004", by: asha.UserID, byName: "asha", since: noon.Add(-time.Hour), grams: 1000}
	s.children["C0009"] = &child{id: 9, code: "C0009", grams: 1500}
	return s
}

func scanOf(t *testing.T, who authz.Actor, rawCode, rawParent string) reading {
	t.Helper()
	formats, err := code.NewFormats([]code.Format{mustard})
	if err != nil {
		t.Fatal(err)
	}
	r, refused := judgeCodes(formats, rawCode, rawParent)
	r.who, r.id, r.at, r.refused = who, uuid.New(), noon, refused
	return r
}

func TestEveryRuleOfAScan(t *testing.T) {
	t.Parallel()
	none := tally.Delta{}
	refused, twice := tally.Delta{RefusedScans: 1}, tally.Delta{DuplicateScans: 1}
	for _, c := range []struct {
		name         string
		who          authz.Actor
		code, parent string
		want         string // an outcome or the code of a refusal
		message      string
		added        tally.Delta
	}{
		{"open an unknown parent", asha, "sb00010", "", opened, "SB00010 is open. Scan its children.", tally.Delta{Parents: 1, AcceptedScans: 1}},
		{"resume a known parent", asha, "SB00001", "", resumed, "SB00001 holds 1 of 3.", tally.Delta{AcceptedScans: 1}},
		{"resume a parent that was closed by hand", asha, "SB00003", "", resumed, "SB00003 holds 1 of 3.", tally.Delta{AcceptedScans: 1}},
		{"resume a full parent", asha, "SB00002", "", resumed, "SB00002 holds 3 of 3.", tally.Delta{AcceptedScans: 1}},
		{"resume a parent of another area", ravi, "SB00004", "", "other_area", "SB00004 belongs to the area south, not to yours. Leave it to its dispatchers.", refused},
		{"resume a parent of no area, with an area", ravi, "SB00001", "", resumed, "SB00001 holds 1 of 3.", tally.Delta{AcceptedScans: 1}},
		{"a biller's area confines nobody", lata, "SB00004", "", resumed, "SB00004 holds 1 of 3.", tally.Delta{AcceptedScans: 1}},
		{"a child without a parent", asha, "C0001", "", "parent_required", "C0001 is a child. Scan the parent that it goes into first.", refused},
		{"link a new child", asha, "C0002", "SB00001", linked, "C0002 is in SB00001, 2 of 3.", tally.Delta{Children: 1, Links: 1, AcceptedScans: 1}},
		{"link a known child that is in no parent", asha, "C0009", "SB00001", linked, "C0009 is in SB00001, 2 of 3.", tally.Delta{Links: 1, AcceptedScans: 1}},
		{"link into an empty parent", asha, "C0002", "SB00006", linked, "C0002 is in SB00006, 1 of 3.", tally.Delta{Children: 1, Links: 1, AcceptedScans: 1}},
		{"link into an unknown parent", ravi, "C0002", "SB00010", linked, "C0002 is in SB00010, 1 of 3.", tally.Delta{Parents: 1, Children: 1, Links: 1, AcceptedScans: 1}},
		{"the area comes before the kinds", ravi, "SB00001", "SB00004", "other_area", "SB00004 belongs to the area south, not to yours. Leave it to its dispatchers.", refused},
		{"the area comes before a duplicate", ravi, "C0004", "SB00004", "other_area", "SB00004 belongs to the area south, not to yours. Leave it to its dispatchers.", refused},
		{"a child of another area that is linked elsewhere", ravi, "C0001", "SB00004", "other_area", "SB00004 belongs to the area south, not to yours. Leave it to its dispatchers.", refused},
		{"a child as a parent", asha, "C0002", "C0001", "wrong_kind", "C0001 is a child's code, and nothing goes into a child. Scan a parent first.", refused},
		{"a parent into a parent", asha, "SB00006", "SB00001", "wrong_kind", "SB00006 is a parent's code, and a parent does not go into a parent. Scan a child.", refused},
		{"the same child again", asha, "C0001", "SB00001", duplicate, "C0001 is in SB00001 already (scanned 11:00 by you).", twice},
		{"another's child again", lata, "C0001", "SB00001", duplicate, "C0001 is in SB00001 already (scanned 11:00 by asha).", twice},
		{"a child of another parent", lata, "C0001", "SB00006", "linked_elsewhere", "C0001 is in SB00001 (scanned 11:00 by asha). Take it out there first.", refused},
		{"linked elsewhere comes before a completed bill", asha, "C0001", "SB00005", "linked_elsewhere", "C0001 is in SB00001 (scanned 11:00 by you). Take it out there first.", refused},
		{"linked elsewhere, and the parent is new", asha, "C0001", "SB00010", "linked_elsewhere", "C0001 is in SB00001 (scanned 11:00 by you). Take it out there first.", refused},
		{"a parent on a completed bill", asha, "C0002", "SB00005", "parent_billed", "SB00005 is on bill INV/7, which is completed. Scan another parent, or have the bill reopened.", refused},
		{"a full parent", asha, "C0002", "SB00002", "parent_full", "SB00002 is full (3 of 3). Scan the next parent.", refused},
		{"a parent closed by hand", asha, "C0002", "SB00003", "parent_completed", "SB00003 was closed by hand with 1 of 3. Open it again, or scan the next parent.", refused},
		{"nothing was read", asha, " \r\n", "", "invalid_code", "Nothing that could be a bag's code was read. Scan the label again.", refused},
		{"no code", asha, "<b>", "", "invalid_code", `"<B>" is no bag's code. A child's code has 4 to 20 letters and digits. Scan the label again, or type what it says.`, refused},
		{"a parent that is no code", asha, "C0001", "-", "invalid_code", `"-" is no bag's code. A child's code has 4 to 20 letters and digits. Scan the label again, or type what it says.`, refused},
		{"a parent of white space", asha, "C0001", " ", "invalid_code", "Nothing that could be a bag's code was read. Scan the label again.", refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := shelf(t)
			bags := len(s.parents) + len(s.children)
			v := s.decide(scanOf(t, c.who, c.code, c.parent))
			got, message := v.outcome, v.message
			if v.refused != nil {
				got, message = v.refused.Code, v.refused.Message
			}
			if got != c.want || message != c.message {
				t.Errorf("%s, %q; want %s, %q", got, message, c.want, c.message)
			}
			if s.added[c.who.UserID] != c.added || len(s.added) != 1 {
				t.Errorf("added %+v, want %+v", s.added, c.added)
			}
			if v.refused != nil && len(s.parents)+len(s.children) != bags {
				t.Error("a refused scan made a bag")
			}
		})
	}
	s := shelf(t)
	r := scanOf(t, asha, "C0001", "")
	r.refused = judgeClock(noon, new(noon.Add(time.Hour)))
	if v := s.decide(r); v.refused.Code != "invalid_time" || s.added[1] != none {
		t.Errorf("a time that cannot be true: %+v, counted as %+v", v, s.added)
	}
}

func TestTheLastChildCompletesItsParent(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	s.decide(scanOf(t, asha, "C0009", "SB00001")) // it weighs 1.5 kg
	v := s.decide(scanOf(t, asha, "C0003", "SB00001"))
	if p := s.parents["SB00001"]; v.message != "C0003 is in. SB00001 is complete: 3.500 kg." || p.status() != "completed" {
		t.Errorf("%q, %s", v.message, p.status())
	}
	if v := s.decide(scanOf(t, asha, "C0005", "SB00001")); v.outcome != "parent_full" {
		t.Errorf("one more: %s", v.outcome)
	}
}

func TestAnAreaIsGivenByItsDispatcherOnly(t *testing.T) {
	t.Parallel()
	for who, want := range map[*authz.Actor]string{&asha: "", &ravi: "north", &lata: ""} {
		s := shelf(t)
		s.decide(scanOf(t, *who, "SB00010", ""))
		if got := s.parents["SB00010"].area; got != want {
			t.Errorf("%s opens a parent in the area %q, want %q", who.Username, got, want)
		}
	}
}

func TestAScanIDIsDecidedOnce(t *testing.T) {
	t.Parallel()
	s := shelf(t)
	first := scanOf(t, asha, "C0002", "SB00001")
	s.decide(first)
	again := first
	again.parent = "SB00006"
	if v := s.decide(again); v.outcome != linked || v.parent != "SB00001" || v.message != "C0002 was put into SB00001 by this scan." {
		t.Errorf("sent again: %+v", v)
	}
	other := scanOf(t, asha, "C0003", "SB00001")
	other.id = first.id
	if v := s.decide(other); v.refused == nil || v.refused.Code != "scan_id_reused" {
		t.Errorf("with another code: %+v", v)
	}
	if p := s.parents["SB00001"]; p.children != 2 || s.added[1].Plus(tally.Delta{}) != (tally.Delta{Children: 1, Links: 1, AcceptedScans: 1}) {
		t.Errorf("%d children, counted as %+v", p.children, s.added)
	}
}

func TestEveryFirstOutcomeIsToldAgain(t *testing.T) {
	t.Parallel()
	for _, outcome := range []string{"parent_required", "other_area", "wrong_kind", "linked_elsewhere", "parent_billed", "parent_full", "parent_completed", "another"} {
		v := verdict{code: "C0001", parent: "SB00001", outcome: outcome, other: "SB00002"}.again()
		if v.refused == nil || v.refused.Code != outcome || v.refused.Message == "" || outcome == "linked_elsewhere" && v.refused.Extra["other_parent"] != "SB00002" {
			t.Errorf("%s: %+v", outcome, v.refused)
		}
	}
	for _, outcome := range []string{opened, resumed, linked, duplicate} {
		if v := (verdict{code: "C0001", parent: "SB00001", outcome: outcome}).again(); v.refused != nil || v.message == "" {
			t.Errorf("%s: %+v", outcome, v)
		}
	}
}

func TestADevicesClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		off  time.Duration
		want bool
	}{{"now", 0, true}, {"five minutes ahead", 5 * time.Minute, true}, {"more", 5*time.Minute + 1, false},
		{"thirty days old", -30 * 24 * time.Hour, true}, {"older", -30*24*time.Hour - 1, false}} {
		if got := judgeClock(noon, new(noon.Add(c.off))) == nil; got != c.want {
			t.Errorf("%s: accepted %t", c.name, got)
		}
	}
	if judgeClock(noon, nil) != nil {
		t.Error("no time is refused")
	}
}

func TestEveryRuleBesideScanning(t *testing.T) {
	t.Parallel()
	in := func(since time.Duration) *child {
		return &child{code: "C0001", by: asha.UserID, since: noon.Add(-since)}
	}
	south, free, billed := &parent{code: "SB00004", area: "south", children: 1, capacity: 3}, &parent{code: "SB00001", children: 1, capacity: 3},
		&parent{code: "SB00005", children: 1, capacity: 3, doneBill: "INV/7", closed: true}
	for _, c := range []struct {
		name string
		got  *errs.Error
		want string
	}{
		{"undo within the hour", judgeUnlink(asha, noon, free, in(time.Hour)), ""},
		{"undo after the hour", judgeUnlink(asha, noon, free, in(time.Hour+1)), "forbidden"},
		{"undo another's", judgeUnlink(ravi, noon, free, in(0)), "forbidden"},
		{"who may not is told before the area", judgeUnlink(ravi, noon, south, in(0)), "forbidden"},
		{"undo in another area", judgeUnlink(authz.Actor{UserID: 1, Role: authz.Dispatcher, Area: "north"}, noon, south, in(0)), "other_area"},
		{"a biller takes out any, anywhere", judgeUnlink(lata, noon, south, in(9*time.Hour)), ""},
		{"undo from a completed bill", judgeUnlink(asha, noon, billed, in(0)), "parent_billed"},
		{"close", judgeClose(asha, free), ""},
		{"close in another area", judgeClose(ravi, south), "other_area"},
		{"close an empty one", judgeClose(asha, &parent{capacity: 3}), "parent_empty"},
		{"the area comes before emptiness", judgeClose(ravi, &parent{area: "south"}), "other_area"},
		{"reopen", judgeReopen(asha, free), ""},
		{"reopen in another area", judgeReopen(ravi, south), "other_area"},
		{"reopen on a completed bill", judgeReopen(lata, billed), "parent_billed"},
		{"delete", judgeDelete("C0001", "", 0, ""), ""},
		{"delete a linked child", judgeDelete("C0001", "SB00001", 0, "INV/7"), "bag_linked"},
		{"delete a parent with children", judgeDelete("SB00001", "", 2, "INV/7"), "bag_linked"},
		{"delete an empty parent on a bill", judgeDelete("SB00001", "", 0, "INV/7"), "bag_billed"},
	} {
		got := ""
		if c.got != nil {
			got = c.got.Code
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// BenchmarkHotScan recognises the codes of a scan, decides it, and words the answer.
func BenchmarkHotScan(b *testing.B) {
	formats, err := code.NewFormats([]code.Format{mustard})
	if err != nil {
		b.Fatal(err)
	}
	s := shelf(b)
	for b.Loop() {
		r, refused := judgeCodes(formats, " c0001\r\n", "SB00001")
		r.who, r.id, r.at, r.refused = asha, uuid.New(), noon, refused
		if v := s.decide(r); s.answer(r, v).Outcome != "duplicate" {
			b.Fatal(v)
		}
	}
}
