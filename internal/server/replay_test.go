package server_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"traitortrack/internal/authz"
)

// shift is a working day at the wire: what a scanner emits, stray ends and double reads and all, answered by the server and
// compared with the model.
type shift struct {
	t       *testing.T
	rng     *rand.Rand
	model   *model
	d, b    *client // dispatcher and biller
	parents []string
	serial  int
}

func TestShiftAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	w := start(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := &shift{t: t, rng: rand.New(rand.NewPCG(seed, 7)), model: newModel(), d: w.as(t, authz.Dispatcher), b: w.as(t, authz.Biller)}
			for i := range 8 {
				code := fmt.Sprintf("SB%06d", 100_000*(seed+1)+uint64(i))
				if i%4 == 0 {
					code = fmt.Sprintf("M444-%05d", 1000*seed+uint64(i))
				}
				s.parents = append(s.parents, code)
			}
			s.fill()
			s.sendBatchTwice()
			s.bill()
			s.lookUp()
		})
	}
}

// smudge gives what a scanner sends for a clean code.
func (s *shift) smudge(code string) string {
	if s.rng.IntN(3) == 0 {
		code = strings.ToLower(code)
	}
	before := []string{"", " ", "]Q1", "\ufeff", "\u200b"}
	after := []string{"", "\r\n", "\n", "\t", " ", "\u00a0", "\u200b"}
	return before[s.rng.IntN(len(before))] + code + after[s.rng.IntN(len(after))]
}

func (s *shift) newChild() string {
	s.serial++
	return fmt.Sprintf("C%s%05d", s.parents[0][5:], s.serial)
}

func (s *shift) check(what string, a answer, want expected) {
	s.t.Helper()
	got := a.text("code")
	if a.status == 200 && want.code != "" {
		got = a.text("outcome")
	}
	if a.status != want.status || want.code != "" && got != want.code {
		s.t.Errorf("%s: got %v, want %v", what, a, want)
	}
}

// scan scans a code, into a parent where one is given, and compares the answer and the parent in it.
func (s *shift) scan(code, parent, id string, want expected) {
	s.t.Helper()
	body := map[string]any{"code": s.smudge(code), "scan_id": id}
	about := code
	if parent != "" {
		body["parent"], about = s.smudge(parent), parent
	}
	a := s.d.call("POST", "/api/scans", body)
	s.check("scan "+code, a, want)
	if a.status != 200 {
		return
	}
	got, _ := a.body["parent"].(map[string]any)
	wantParent := fmt.Sprintf("%s %d/%d %s", about, len(s.model.parents[about].children), modelCapacity(about), s.model.status(about))
	if now := fmt.Sprintf("%v %v/%v %v", got["code"], got["children"], got["capacity"], got["status"]); now != wantParent {
		s.t.Errorf("scan %s: the parent is %s, want %s", code, now, wantParent)
	}
}

// fill fills the parents, with all that goes wrong meanwhile.
func (s *shift) fill() {
	for _, code := range s.parents {
		s.scan(code, "", uuid.NewString(), s.model.open(code))
		target := modelCapacity(code)
		if s.rng.IntN(3) == 0 {
			target = 1 + s.rng.IntN(target-1)
		}
		for len(s.model.parents[code].children) < target {
			s.step(code)
		}
		child := s.newChild()
		if s.model.status(code) != "completed" {
			a := s.d.call("POST", "/api/bags/"+code+"/close", nil)
			s.check("close "+code, a, s.model.close(code))
		}
		s.scan(child, code, uuid.NewString(), s.model.link(child, code))
		s.scan(code, "", uuid.NewString(), s.model.open(code))
	}
}

func (s *shift) step(parent string) {
	mine := sortedKeys(s.model.parents[parent].children)
	switch roll := s.rng.IntN(100); {
	case roll < 6 && len(mine) > 0:
		child := mine[s.rng.IntN(len(mine))]
		s.scan(child, parent, uuid.NewString(), s.model.link(child, parent))
	case roll < 9 && len(s.model.in) > len(mine):
		children := sortedKeys(s.model.in)
		child := children[s.rng.IntN(len(children))]
		s.scan(child, parent, uuid.NewString(), s.model.link(child, parent))
	case roll < 12:
		none := []string{"AB", "C-12 34", "<script>", "C'; DROP TABLE bag;--", strings.Repeat("Z", 21), "कखगघ", ""}
		a := s.d.call("POST", "/api/scans", map[string]any{"code": none[s.rng.IntN(len(none))], "parent": parent})
		s.check("no code", a, expected{422, "invalid_code"})
	case roll < 14:
		other := s.parents[s.rng.IntN(len(s.parents))]
		s.scan(other, parent, uuid.NewString(), s.model.link(other, parent))
	case roll < 17 && len(mine) > 0:
		child := mine[s.rng.IntN(len(mine))]
		want := s.model.unlink(child)
		s.check("unlink "+child, s.d.call("DELETE", "/api/bags/"+child+"/parent", nil), want)
	default:
		child, id := s.newChild(), uuid.NewString()
		s.scan(child, parent, id, s.model.link(child, parent))
		if s.rng.IntN(20) == 0 {
			s.scan(child, parent, id, expected{200, "linked"})
			s.check("another code under the same id", s.d.call("POST", "/api/scans", map[string]any{"code": s.newChild(), "parent": parent, "scan_id": id}),
				expected{409, "scan_id_reused"})
		}
	}
}

// sendBatchTwice sends the queue of a handheld that was offline, twice: the second time nothing may change.
func (s *shift) sendBatchTwice() {
	parent := "SB9" + s.parents[0][5:]
	scans := []map[string]any{{"code": parent, "scan_id": uuid.NewString()}}
	wants := []expected{s.model.open(parent)}
	for range 35 {
		child := s.newChild()
		scans = append(scans, map[string]any{"code": s.smudge(child), "parent": parent, "scan_id": uuid.NewString()})
		wants = append(wants, s.model.link(child, parent))
	}
	for range 2 {
		a := s.d.call("POST", "/api/scans/batch", map[string]any{"scans": scans})
		results, _ := a.body["results"].([]any)
		if len(results) != len(scans) {
			s.t.Fatalf("%d results for %d scans: %v", len(results), len(scans), a)
		}
		for i, r := range results {
			item, _ := r.(map[string]any)
			code := item["outcome"]
			if problem, refused := item["problem"].(map[string]any); refused {
				code = problem["code"]
			}
			if got := fmt.Sprint(item["status"], code, item["scan_id"]); got != fmt.Sprint(wants[i].status, wants[i].code, scans[i]["scan_id"]) {
				s.t.Errorf("scan %d of the batch: got %s, want %v", i, got, wants[i])
			}
		}
	}
	s.parents = append(s.parents, parent)
}

// bill puts the parents on bills, and completes those that are full.
func (s *shift) bill() {
	for n := range 4 {
		number, capacity := fmt.Sprintf("T/%s %d", s.parents[0], n), 1+s.rng.IntN(3)
		a := s.b.call("POST", "/api/bills", map[string]any{"number": " " + number + "\u200b", "capacity": capacity, "description": "replay"})
		if a.status != 201 || a.text("number") != number || a.text("status") != "new" {
			s.t.Fatalf("bill %s: %v", number, a)
		}
		s.model.bills[number] = &modelBill{capacity: capacity, bags: map[string]bool{}}
		s.check("the same number", s.b.call("POST", "/api/bills", map[string]any{"number": strings.ToLower(number), "capacity": 1}), expected{409, "bill_exists"})
		path := "/api/bills/" + url.PathEscape(number)
		codes := slices.Clone(s.parents)
		s.rng.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
		for _, code := range append(codes[:min(len(codes), capacity+2)], "SB99999", sortedKeys(s.model.known)[0]) {
			for range 1 + s.rng.IntN(2) {
				want := s.model.billParent(number, code)
				s.check(number+" + "+code, s.b.call("POST", path+"/bags", map[string]any{"code": s.smudge(code)}), want)
			}
		}
		s.finish(number, path)
	}
}

func (s *shift) finish(number, path string) {
	s.check("a dispatcher completes", s.d.call("POST", path+"/complete", nil), expected{403, "forbidden"})
	for range 2 {
		want := s.model.complete(number)
		s.check("complete "+number, s.b.call("POST", path+"/complete", nil), want)
	}
	for parent := range s.model.bills[number].bags {
		if s.model.bills[number].done {
			child := sortedKeys(s.model.parents[parent].children)[0]
			s.check("unlink billed "+child, s.d.call("DELETE", "/api/bags/"+child+"/parent", nil), expected{409, "parent_billed"})
		}
	}
	children, weight := s.model.totals(number)
	a := s.b.call("GET", path, nil)
	want := fmt.Sprint(float64(len(s.model.bills[number].bags)), children, children, weight)
	if got := fmt.Sprint(a.body["linked"], a.body["children"], a.body["weight_kg"], a.body["expected_weight_kg"]); got != want {
		s.t.Errorf("totals of %s: got %s, want %s", number, got, want)
	}
}

// lookUp compares every bag with the model.
func (s *shift) lookUp() {
	for code, p := range s.model.parents {
		a := s.d.call("GET", "/api/bags/"+strings.ToLower(code), nil)
		var codes []string
		children, _ := a.body["children"].([]any)
		for _, c := range children {
			child, _ := c.(map[string]any)
			codes = append(codes, fmt.Sprint(child["code"]))
		}
		slices.Sort(codes)
		if a.text("kind") != "parent" || a.text("status") != s.model.status(code) || !slices.Equal(codes, sortedKeys(p.children)) {
			s.t.Errorf("bag %s: %v, want %s with %v", code, a, s.model.status(code), sortedKeys(p.children))
		}
	}
	for child, parent := range s.model.in {
		if a := s.d.call("GET", "/api/bags/"+child, nil); a.text("kind") != "child" || a.text("parent") != parent {
			s.t.Errorf("bag %s: %v, want a child in %s", child, a, parent)
		}
	}
}
