package bag

import "traitortrack/internal/obs"

// gauges are where the store tells what it does. The zero value tells nobody.
type gauges struct {
	scan           func(outcome string)
	callers, scans func(float64)
}

// Measure shows among the numbers what becomes of scans, and how large the groups are that they are committed in. It is called
// before the first scan.
func (s *Store) Measure(m *obs.Metrics) {
	scanned := m.Counter("traitortrack_scans_total", "Scans answered, by outcome or by the code of the refusal.", obs.Label{Name: "outcome", Values: outcomes()})
	sizes := []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	s.gauges = gauges{
		scan:    func(outcome string) { scanned(outcome) },
		callers: m.Histogram("traitortrack_scan_group_callers", "Callers whose scans were committed in one transaction.", sizes),
		scans:   m.Histogram("traitortrack_scan_group_scans", "Scans that were committed in one transaction.", sizes),
	}
}

// outcomes are all that can become of a scan.
func outcomes() []string {
	return []string{opened, resumed, linked, duplicate, "invalid_time", "invalid_code", "scan_id_reused", "parent_required", "other_area",
		"wrong_kind", "linked_elsewhere", "parent_billed", "parent_full", "parent_completed", "unavailable", "internal"}
}

// tellAll notes what became of each scan.
func (g gauges) tellAll(results []Result) {
	if g.scan == nil {
		return
	}
	for _, r := range results {
		outcome := r.Outcome
		if r.Refused != nil {
			outcome = r.Refused.Code
		}
		g.scan(outcome)
	}
}

// tellGroup notes the size of a group.
func (g gauges) tellGroup(group []*ticket) {
	if g.callers == nil {
		return
	}
	g.callers(float64(len(group)))
	scans := 0
	for _, t := range group {
		scans += len(t.scans)
	}
	g.scans(float64(scans))
}
