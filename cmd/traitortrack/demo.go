package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"traitortrack/internal/config"
	"traitortrack/internal/devstack"
	"traitortrack/migrations"
)

// demo is the command that serves a warehouse of its own.
type demo struct {
	Addr    string `help:"Where to listen (ADDR, or :5000)." placeholder:":5000"`
	DataDir string `help:"Where the data is kept from one start to the next." placeholder:"DIR" type:"path"`
	NoRedis bool   `help:"Do without Redis."`
}

// Run starts the servers, makes the warehouse where there is none yet, and serves until it is told to stop.
func (d demo) Run(ctx context.Context, w *world) error {
	dir, err := d.dir()
	if err != nil {
		return err
	}
	c, err := d.configure(ctx, w.environment)
	if err != nil {
		return err
	}
	on, err := listenBoth(ctx, "--addr", c)
	if err != nil {
		return err
	}
	defer on.close()
	if err := d.say(w, "Starting PostgreSQL%s in %s\n", map[bool]string{false: " and Redis"}[d.NoRedis], dir); err != nil {
		return err
	}
	stack, err := devstack.Start(ctx, devstack.Options{Dir: dir, Redis: !d.NoRedis})
	if err != nil {
		return fmt.Errorf("start the demo's servers: %w", err)
	}
	return errors.Join(d.onStack(ctx, w, stack, dir, on), stack.Stop())
}

func (d demo) dir() (string, error) {
	if d.DataDir != "" {
		return d.DataDir, nil
	}
	return devstack.DefaultDir()
}

// configure reads the environment as a demo does: its servers are its own, and what protects a public server is off
// unless somebody asks for it.
func (d demo) configure(ctx context.Context, e config.Environment) (config.Config, error) {
	e.Unset(config.Addresses()...)
	e.Set("DATABASE_URL", "postgres://not-yet-started/")
	e.Default("RATELIMIT_EXEMPT", "127.0.0.0/8,::1")
	e.Default("REQUIRE_ADMIN_2FA", "false")
	e.Default("LOG_FORMAT", "text")
	e.Default("SHUTDOWN_TIMEOUT", "3s")
	e.Default("METRICS_ADDR", freeAddress(ctx, "127.0.0.1:9464"))
	if d.Addr != "" {
		e.Set("ADDR", d.Addr)
	}
	return config.Load(e)
}

// freeAddress gives the address, or one with a free port where another demo listens on it.
func freeAddress(ctx context.Context, address string) string {
	listener, err := listen(ctx, "METRICS_ADDR", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = listener.Close() // it is opened again in a moment
	return address
}

// onStack makes the warehouse on running servers, and serves it.
func (d demo) onStack(ctx context.Context, w *world, stack *devstack.Stack, dir string, on listeners) error {
	if err := stack.WriteEnv(dir); err != nil {
		return fmt.Errorf("write the servers' addresses: %w", err)
	}
	if err := migrations.Up(ctx, stack.DatabaseURL); err != nil {
		return fmt.Errorf("the demo's database in %s does not take this program's schema: %w\nDelete the folder to begin anew", dir, err)
	}
	c, err := d.complete(w.environment, stack, dir)
	if err != nil {
		return err
	}
	p, err := wire(ctx, c, w)
	if err != nil {
		return err
	}
	err = furnish(ctx, p, dir)
	if err == nil {
		err = p.serve(ctx, on, func() { _ = d.welcome(w, c, on, dir) }) // a closed terminal does not stop the demo
	}
	return errors.Join(err, p.close())
}

// complete configures the demo with what is known only now: its servers' addresses, its secret key and its password.
func (d demo) complete(e config.Environment, stack *devstack.Stack, dir string) (config.Config, error) {
	key, err := kept(dir, "secret-key", rand.Text()+rand.Text())
	if err != nil {
		return config.Config{}, err
	}
	e.Default("SECRET_KEY", key)
	e.Default("AUDIT_ARCHIVE_DIR", filepath.Join(dir, "audit-archive"))
	if _, given := e["DEMO_PASSWORD"]; !given {
		password, err := kept(dir, "password", madeUp())
		if err != nil {
			return config.Config{}, err
		}
		e.Default("DEMO_PASSWORD", password)
	}
	e.Set("DATABASE_URL", stack.DatabaseURL)
	if stack.RedisURL != "" {
		e.Set("REDIS_URL", stack.RedisURL)
	}
	return config.Load(e)
}

// madeUp gives a password that can be typed from a screen.
func madeUp() string {
	text := strings.ToLower(rand.Text())
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:16]
}

// kept gives the text that a file in dir holds, writing it at the first start.
func kept(dir, name, fresh string) (string, error) {
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, os.WriteFile(path, []byte(fresh+"\n"), 0o600)
	}
	return strings.TrimSpace(string(raw)), err
}

// welcome says where to go, and as whom.
func (d demo) welcome(w *world, c config.Config, on listeners, dir string) error {
	_, port, err := net.SplitHostPort(on.public.Addr().String())
	if err != nil {
		return err
	}
	metrics := ""
	if on.private != nil {
		metrics = fmt.Sprintf("  Metrics: http://%s/metrics\n", on.private.Addr())
	}
	return d.say(w, `
  TraitorTrack is at  http://localhost:%s

      user         password
      admin        %[2]s
      biller       %[2]s
      dispatcher   %[2]s

  Data, and the servers' addresses in the file env: %s
%s  Ctrl-C stops everything; the data stays for next time.

`, port, c.DemoPassword, dir, metrics)
}

func (d demo) say(w *world, format string, args ...any) error {
	_, err := fmt.Fprintf(w.out, format, args...)
	return err
}
