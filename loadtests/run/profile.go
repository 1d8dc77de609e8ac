package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"traitortrack/loadtests/machine"
)

// Profiles are taken in the middle of a run, of the first server, for so long, and so many functions are shown.
const (
	profileFor     = 20 * time.Second
	shownFunctions = 40
)

// profile takes a profile of a server's processor time, and keeps it beside the programs.
func (o options) profile(ctx context.Context, start *gun, s *site, r *result) error {
	if o.For < 2*profileFor || !start.wait(ctx, o.Ramp+o.Settle+(o.For-profileFor)/2) {
		return nil
	}
	address := strings.TrimSuffix(strings.TrimPrefix(s.metrics[0], "http://"), "/metrics")
	r.profiled = filepath.Join(filepath.Dir(o.K6), o.Name+".pprof")
	return machine.Profile(ctx, address, profileFor, r.profiled)
}
