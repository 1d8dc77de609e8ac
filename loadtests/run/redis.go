package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// redis is the site's Redis, which can be taken away.
type redis struct {
	dir     string
	stopped int       // the process that hangs, 0 for none
	killed  bool      // nobody is there: the process was killed, and none started in its place
	again   *exec.Cmd // the one that was started in place of a killed one
}

// disturb does to Redis what the options say, between the second phase and the last.
func (o options) disturb(ctx context.Context, start *gun, s *site, r *result) error {
	if o.Redis == "" {
		return nil
	}
	phases := o.phases()
	if !start.wait(ctx, phases[2].from) {
		return nil
	}
	if err := s.redis.take(o.Redis); err != nil {
		return err
	}
	r.disturbed.begin(ctx, s)
	if !pause(ctx, phases[3].from-phases[2].from) {
		return nil
	}
	r.disturbed.end(ctx, s)
	return s.redis.mend()
}

// pause waits, and reports whether it was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *redis) pid() (int, error) {
	raw, err := os.ReadFile(filepath.Join(r.dir, "redis.pid"))
	if err != nil {
		return 0, fmt.Errorf("find Redis: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("find Redis: %w", err)
	}
	return pid, nil
}

// take kills Redis, or lets it hang.
func (r *redis) take(how string) error {
	pid, err := r.pid()
	if err != nil {
		return err
	}
	say("Redis: %s", how)
	if how == "hang" {
		r.stopped = pid
		return syscall.Kill(pid, syscall.SIGSTOP)
	}
	r.killed = true
	return syscall.Kill(pid, syscall.SIGKILL)
}

// mend brings Redis back: empty after a kill, as it was after it hung. It does nothing where Redis is there.
func (r *redis) mend() error {
	if r.stopped != 0 {
		pid := r.stopped
		r.stopped = 0
		return syscall.Kill(pid, syscall.SIGCONT)
	}
	if !r.killed {
		return nil
	}
	conf := filepath.Join(r.dir, "redis.conf")
	info, err := os.Stat(conf)
	if err != nil {
		return fmt.Errorf("find what Redis reads: %w", err)
	}
	r.again = exec.Command("redis-server", conf) //nolint:noctx // it ends with the stack, whose keeper finds it by its pid file
	r.again.Dir = r.dir
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		r.again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if err := r.again.Start(); err != nil {
		return fmt.Errorf("start Redis again: %w", err)
	}
	r.killed = false
	say("Redis: started again")
	return nil
}

// end waits for the Redis that was started again. The stack has stopped it.
func (r *redis) end() error {
	if r.again == nil {
		return nil
	}
	if err := r.again.Wait(); err != nil {
		return fmt.Errorf("Redis ended with %w", err)
	}
	return nil
}
