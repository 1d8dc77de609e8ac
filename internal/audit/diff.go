package audit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Change is one member of a state, as people read it before and after. An empty text means that there was none.
type Change struct{ Field, Before, After string }

// Differences gives the members that differ between two states of JSON, in the order of their names. Members of members
// are named by the way to them. A state that is nil has no members.
func Differences(before, after any) []Change {
	from, to := map[string]string{}, map[string]string{}
	flatten("", before, from)
	flatten("", after, to)
	var all []Change
	fields := slices.Sorted(maps.Keys(from))
	for field := range to {
		if _, both := from[field]; !both {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	for _, field := range fields {
		if from[field] != to[field] {
			all = append(all, Change{Field: field, Before: from[field], After: to[field]})
		}
	}
	return all
}

// flatten puts the members of a value of JSON into flat, each as a text under the way to it.
func flatten(way string, value any, flat map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			flatten(further(way, strings.ReplaceAll(name, "_", " ")), member, flat)
		}
	case []any:
		if plain, ok := inOneLine(v); ok {
			flat[way] = plain
			return
		}
		for i, member := range v {
			flatten(further(way, strconv.Itoa(i+1)), member, flat)
		}
	case nil:
	default:
		flat[way] = text(v)
	}
}

func further(way, step string) string {
	if way == "" {
		return step
	}
	return way + " · " + step
}

// inOneLine writes a list of plain values side by side.
func inOneLine(list []any) (string, bool) {
	parts := make([]string, len(list))
	for i, v := range list {
		switch v.(type) {
		case map[string]any, []any:
			return "", false
		}
		parts[i] = text(v)
	}
	return strings.Join(parts, ", "), true
}

// text writes a plain value of JSON.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	}
	return fmt.Sprint(value)
}
