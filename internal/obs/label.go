package obs

import "slices"

// Label is a label with the closed set of its values. Whatever is not in the set is counted as "other", so that nothing
// that a client sends can make a series.
type Label struct {
	Name   string
	Values []string
}

// other stands for what no label has a value for.
const other = "other"

// Words gives a label whose values are words of a type of their own, such as outcomes.
func Words[T ~string](name string, values ...T) Label {
	l := Label{Name: name}
	for _, v := range values {
		l.Values = append(l.Values, string(v))
	}
	return l
}

// close gives a value of the set.
func (l Label) close(value string) string {
	if slices.Contains(l.Values, value) {
		return value
	}
	return other
}

func labelNames(labels []Label) []string {
	names := make([]string, len(labels))
	for i, l := range labels {
		names[i] = l.Name
	}
	return names
}

// combinations gives every way to take one value of each label.
func combinations(labels []Label) [][]string {
	all := [][]string{nil}
	for _, l := range labels {
		var longer [][]string
		for _, begun := range all {
			for _, v := range l.Values {
				longer = append(longer, append(slices.Clone(begun), v))
			}
		}
		all = longer
	}
	return all
}
