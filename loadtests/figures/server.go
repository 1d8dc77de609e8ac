package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"traitortrack/loadtests/loopback"
	"traitortrack/loadtests/numbers"
)

// server is a running server of the product.
type server struct {
	cmd              *exec.Cmd
	address, metrics string
	ready            time.Duration // from its start
}

// serve starts the server and waits until it is ready.
func (w *warehouse) serve(ctx context.Context, binary string) (*server, error) {
	address, metrics, err := loopback.TwoAddresses(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(w.dir, "server.log"))
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer func() { _ = log.Close() }()                                                   // the server has its own
	s := &server{cmd: exec.Command(binary, "serve"), address: address, metrics: metrics} //nolint:noctx // it is ours, and ends with stop
	s.cmd.Env = append(os.Environ(), "DATABASE_URL="+w.stack.DatabaseURL, "REDIS_URL="+w.stack.RedisURL, "SECRET_KEY="+secretKey, "ADDR="+address,
		"METRICS_ADDR="+metrics, "LOG_LEVEL=WARNING", "REQUIRE_ADMIN_2FA=false",
		"RATELIMIT_API=10000000/min", "RATELIMIT_DEFAULT=10000000/min") // counted as ever, and never reached
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	begun := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	for ctx.Err() == nil && time.Since(begun) < 30*time.Second {
		if text, err := loopback.Fetch(ctx, "http://"+address+"/healthz"); err == nil && strings.Contains(text, `"ready"`) {
			s.ready = time.Since(begun)
			return s, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	said, _ := os.ReadFile(filepath.Join(w.dir, "server.log")) // what there is helps
	return nil, errors.Join(fmt.Errorf("the server is not ready: %s", said), s.stop())
}

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w", err)
	}
	return nil
}

// memory is what the server holds of the machine's memory, in bytes.
func (s *server) memory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read the server's memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the server's memory is not told")
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib * 1024, err
}

// Starts are repeated, and an idle server is left alone for so long before its memory is read.
const (
	starts  = 5
	resting = 10 * time.Second
)

// starts starts the server some times on the database that is there.
func (w *warehouse) starts(ctx context.Context, o options, p *page) error {
	var took []time.Duration
	memory := 0.0
	for n := range starts {
		s, err := w.serve(ctx, o.Binary)
		if err != nil {
			return err
		}
		took = append(took, s.ready)
		if n == starts-1 {
			time.Sleep(resting)
			memory, err = s.memory()
		}
		if err := errors.Join(err, s.stop()); err != nil {
			return err
		}
	}
	size, err := o.binarySize()
	if err != nil {
		return err
	}
	slices.Sort(took)
	p.small(took[len(took)/2], memory, size)
	return nil
}

// slow tells of statements that took more than 50 ms since the server was started.
func (s *server) slow(ctx context.Context, p *page, bags int) error {
	n, err := numbers.Read(ctx, "http://"+s.metrics+"/metrics")
	if err != nil {
		return err
	}
	const name = "traitortrack_db_statement_duration_seconds"
	all := n.By(name+"_count", "name")
	if len(all) == 0 {
		return fmt.Errorf("the server does not tell %s", name)
	}
	p.slow(bags, all, n.Within(name, "name", "0.05"))
	return nil
}
