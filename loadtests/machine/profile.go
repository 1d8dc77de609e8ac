package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"traitortrack/loadtests/loopback"
)

// Profile keeps where a server's processor time goes for a while, for go tool pprof. metrics is the address of its numbers.
func Profile(ctx context.Context, metrics string, lasts time.Duration, path string) error {
	raw, err := loopback.Fetch(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", metrics, lasts.Seconds()))
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	if err := os.WriteFile(path, []byte(raw), 0o644); err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	return nil
}

// Top gives so many functions of a profile below which most time was spent.
func Top(ctx context.Context, path string, functions int) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", fmt.Sprintf("-nodecount=%d", functions), path).Output()
	if err != nil {
		return "", fmt.Errorf("read the profile: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
