package obs

import (
	"fmt"

	dto "github.com/prometheus/client_model/go"
)

// Reading is what the numbers were at one moment. It comes from the registry that is scraped, so that a page and an alert
// never disagree.
type Reading struct{ families map[string]*dto.MetricFamily }

// Read reads every number. A collector that fails leaves its own numbers out of the reading and stands in the error.
func (m *Metrics) Read() (Reading, error) {
	families, err := m.registry.Gather()
	r := Reading{families: make(map[string]*dto.MetricFamily, len(families))}
	for _, f := range families {
		r.families[f.GetName()] = f
	}
	if err != nil {
		return r, fmt.Errorf("read the numbers: %w", err)
	}
	return r, nil
}

// Sum adds up a gauge or a counter over all series that have the labels: names and values in turn. It is false where there
// is none.
func (r Reading) Sum(name string, labels ...string) (float64, bool) {
	sum, found := 0.0, false
	for _, series := range r.families[name].GetMetric() {
		if carries(series, labels) {
			sum, found = sum+series.GetGauge().GetValue()+series.GetCounter().GetValue(), true
		}
	}
	return sum, found
}

// Pools gives every pool of connections to PostgreSQL as it was, by name.
func (r Reading) Pools() map[string]PoolStats {
	all := map[string]PoolStats{}
	for _, series := range r.families[databasePool+"max"].GetMetric() {
		for _, l := range series.GetLabel() {
			all[l.GetValue()] = r.pool(l.GetValue())
		}
	}
	return all
}

func (r Reading) pool(name string) PoolStats {
	of := func(what string) float64 {
		value, _ := r.Sum(databasePool+what, "pool", name)
		return value
	}
	return PoolStats{InUse: int(of("in_use")), Idle: int(of("idle")), Max: int(of("max")), Size: int(of("size")),
		Waits: int64(of("waits_total")), Waited: seconds(of("wait_seconds_total")), GaveUp: int64(of("gave_up_total"))}
}

// carries reports whether a series has the labels.
func carries(series *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		has := false
		for _, l := range series.GetLabel() {
			has = has || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !has {
			return false
		}
	}
	return true
}
