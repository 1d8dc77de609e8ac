package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"traitortrack/loadtests/loopback"
)

// Profiles are taken in the middle of a run, of the first server, for so long.
const profileFor = 20 * time.Second

// profile takes a profile of a server's processor time, and keeps it beside the programs for go tool pprof.
func (o options) profile(ctx context.Context, start *gun, s *site, r *result) error {
	if o.For < 2*profileFor || !start.wait(ctx, o.Ramp+o.Settle+(o.For-profileFor)/2) {
		return nil
	}
	url := strings.TrimSuffix(s.metrics[0], "/metrics") + fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", profileFor.Seconds())
	raw, err := loopback.Fetch(ctx, url)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	path := filepath.Join(filepath.Dir(o.K6), o.Name+".pprof")
	if err := os.WriteFile(path, []byte(raw), 0o644); err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	r.profiled = path
	return nil
}

// mostLines of a profile are shown.
const mostLines = 40

// topOf gives the functions of a profile in which, or below which, most time was spent.
func topOf(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", fmt.Sprintf("-nodecount=%d", mostLines), path).Output()
	if err != nil {
		return "", fmt.Errorf("read the profile: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
