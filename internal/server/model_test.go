package server_test

import (
	"regexp"
	"slices"
)

// model is the warehouse by the domain's rules in miniature: what the server must answer. Each step gives the status and
// the outcome, or the refusal's code.
type model struct {
	parents map[string]*modelParent
	in      map[string]string // the parent that a child is in
	known   map[string]bool   // children that there have ever been
	bills   map[string]*modelBill
	on      map[string]string // the bill that a parent is on
}

type modelParent struct {
	children map[string]bool
	closed   bool
}

type modelBill struct {
	capacity int
	bags     map[string]bool
	done     bool
}

type expected struct {
	status int
	code   string
}

func newModel() *model {
	return &model{parents: map[string]*modelParent{}, in: map[string]string{}, known: map[string]bool{},
		bills: map[string]*modelBill{}, on: map[string]string{}}
}

var parentCode = regexp.MustCompile(`^(SB[0-9]{5,6}|M444-[0-9]{5})$`)

func modelCapacity(code string) int {
	if code[:2] == "SB" {
		return 30
	}
	return 15
}

func (m *model) open(code string) expected {
	if m.parents[code] != nil {
		return expected{200, "resumed"}
	}
	m.parents[code] = &modelParent{children: map[string]bool{}}
	return expected{200, "opened"}
}

func (m *model) link(child, parent string) expected {
	if parentCode.MatchString(child) {
		return expected{409, "wrong_kind"}
	}
	m.open(parent)
	switch p := m.parents[parent]; {
	case p.children[child]:
		return expected{200, "duplicate"}
	case m.in[child] != "":
		return expected{409, "linked_elsewhere"}
	case m.done(parent):
		return expected{409, "parent_billed"}
	case len(p.children) >= modelCapacity(parent):
		return expected{409, "parent_full"}
	case p.closed:
		return expected{409, "parent_completed"}
	default:
		p.children[child], m.in[child], m.known[child] = true, parent, true
		return expected{200, "linked"}
	}
}

func (m *model) done(parent string) bool {
	b := m.bills[m.on[parent]]
	return b != nil && b.done
}

func (m *model) unlink(child string) expected {
	parent := m.in[child]
	switch {
	case parent == "":
		return expected{404, "not_linked"}
	case m.done(parent):
		return expected{409, "parent_billed"}
	}
	delete(m.parents[parent].children, child)
	delete(m.in, child)
	m.parents[parent].closed = false
	return expected{status: 200}
}

func (m *model) close(parent string) expected {
	if len(m.parents[parent].children) == 0 {
		return expected{409, "parent_empty"}
	}
	m.parents[parent].closed = len(m.parents[parent].children) < modelCapacity(parent)
	return expected{status: 200}
}

func (m *model) status(parent string) string {
	switch p := m.parents[parent]; {
	case len(p.children) == 0:
		return "pending"
	case p.closed || len(p.children) >= modelCapacity(parent):
		return "completed"
	default:
		return "in_progress"
	}
}

func (m *model) billParent(number, code string) expected {
	b := m.bills[number]
	switch {
	case m.known[code]:
		return expected{409, "wrong_kind"}
	case m.parents[code] == nil:
		return expected{404, "bag_not_found"}
	case b.bags[code]:
		return expected{200, "duplicate"}
	case len(m.parents[code].children) == 0:
		return expected{409, "parent_empty"}
	case m.on[code] != "":
		return expected{409, "on_other_bill"}
	case b.done:
		return expected{409, "bill_completed"}
	case len(b.bags) >= b.capacity:
		return expected{409, "bill_full"}
	}
	b.bags[code], m.on[code] = true, number
	return expected{200, "linked"}
}

func (m *model) complete(number string) expected {
	if b := m.bills[number]; !b.done && len(b.bags) < b.capacity {
		return expected{409, "bill_incomplete"}
	}
	m.bills[number].done = true
	return expected{200, ""}
}

// totals gives a bill's children, its weight and its expected weight in kilograms: a child weighs one.
func (m *model) totals(number string) (float64, float64) {
	var children, expected float64
	for code := range m.bills[number].bags {
		children += float64(len(m.parents[code].children))
		expected += float64(modelCapacity(code))
	}
	return children, expected
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
