package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/devstack"
	"traitortrack/loadtests/loopback"
)

// What everybody of the site knows: the accounts' password, and the key that the audit log is sealed with.
const (
	password  = "a-crowd-of-bags"
	secretKey = "a-key-for-load-tests-and-for-nothing-else"
)

// site is what the crowd works in: a stack, one server or two, and what stands in front of them.
type site struct {
	dir         string
	stack       *devstack.Stack
	environment []string
	programs    []*program // servers first, then balancers
	urls        []string   // one for each generator in turn
	metrics     []string   // of each server
	redis       *redis
	prometheus  string // its address, where Redis is taken away
}

// program is a process of ours.
type program struct {
	name string
	cmd  *exec.Cmd
}

// build starts everything, from the database up.
func build(ctx context.Context, o options) (*site, error) {
	dir, err := devstack.Folder()
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir}
	data := filepath.Join(dir, "data")
	if s.stack, err = devstack.Start(ctx, devstack.Options{Dir: data, Redis: true, Pooler: o.Pooler, Settings: o.settings()}); err != nil {
		return nil, errors.Join(fmt.Errorf("start the servers: %w", err), os.RemoveAll(dir))
	}
	s.redis = &redis{dir: data}
	if err := s.fill(ctx, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// fill makes the warehouses and opens them.
func (s *site) fill(ctx context.Context, o options) error {
	s.environment = append(os.Environ(), "DATABASE_URL="+s.stack.DatabaseURL, "DATABASE_DIRECT_URL="+s.stack.DatabaseURL, "DATABASE_POOLER=")
	if o.Pooler {
		s.environment = append(s.environment, "DATABASE_URL="+s.stack.PoolerURL, "DATABASE_POOLER=transaction")
	}
	s.environment = append(s.environment, "REDIS_URL="+s.stack.RedisURL, "SECRET_KEY="+secretKey, "SEED_PASSWORD="+password, "TRUSTED_PROXIES=127.0.0.1/32", "LOG_LEVEL=WARNING")
	for _, arguments := range [][]string{{"migrate"}, {"seed", "--bags", fmt.Sprint(o.Bags), "--users", fmt.Sprint(accounts(o.Users, o.Streams))}} {
		if _, err := s.command(ctx, o.Binary, arguments...); err != nil {
			return err
		}
	}
	if err := s.allowCodes(ctx); err != nil {
		return err
	}
	for n := range o.Instances {
		if err := s.serve(ctx, o, n); err != nil {
			return err
		}
	}
	if err := s.balance(ctx, o); err != nil || o.Redis == "" {
		return err
	}
	return s.observe(ctx)
}

// command runs one of the server's commands to its end.
func (s *site) command(ctx context.Context, binary string, arguments ...string) (string, error) {
	c := exec.CommandContext(ctx, binary, arguments...)
	c.Env = s.environment
	out, err := c.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("traitortrack %s: %w\n%s", strings.Join(arguments, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// allowCodes gives each organization a format whose codes the crowd can share out among itself.
func (s *site) allowCodes(ctx context.Context) error {
	return s.query(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "INSERT INTO bag_format (org_id, name, parent_pattern, capacity, child_grams) SELECT id, 'load', 'LP[0-9]{9}', 12, 1000 FROM organization")
		if err != nil {
			return fmt.Errorf("add the load's format: %w", err)
		}
		return nil
	})
}

func (s *site) query(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.stack.DatabaseURL)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

// serve starts one server, and waits until it is ready.
func (s *site) serve(ctx context.Context, o options, n int) error {
	address, metrics, err := loopback.TwoAddresses(ctx)
	if err != nil {
		return err
	}
	err = s.start(fmt.Sprintf("server-%d", n), append(s.environment, "ADDR="+address, "METRICS_ADDR="+metrics), o.Binary, "serve")
	if err != nil {
		return err
	}
	s.urls, s.metrics = append(s.urls, "http://"+address), append(s.metrics, "http://"+metrics+"/metrics")
	return s.await(ctx, "http://"+address, s.programs[len(s.programs)-1])
}

// perBalancer is how many users one HAProxy takes, two files each, with room for the streams.
const perBalancer = 7000

// perGenerator is how many users one k6 plays. The more there are, the longer it stands still when it collects its garbage; several stand
// still one after the other, and each for a part of the users.
const perGenerator = 2500

// generators is how many k6 there are.
func (o options) generators() int { return (o.Users + perGenerator - 1) / perGenerator }

// balance puts HAProxy, with the configuration that operators are given, in front of two servers, as often as the users need it.
func (s *site) balance(ctx context.Context, o options) error {
	if o.Instances == 1 {
		return nil
	}
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path = "/usr/sbin/haproxy"
	}
	servers := s.urls
	s.urls = nil
	for n := range (o.Users + perBalancer - 1) / perBalancer {
		listen, _, err := loopback.TwoAddresses(ctx)
		if err != nil {
			return err
		}
		environment := []string{"LISTEN=" + listen, "INSTANCE_A=" + strings.TrimPrefix(servers[0], "http://"), "INSTANCE_B=" + strings.TrimPrefix(servers[1], "http://")}
		if err := s.start(fmt.Sprintf("haproxy-%d", n), environment, path, "-db", "-f", "deploy/haproxy/haproxy.cfg"); err != nil {
			return err
		}
		s.urls = append(s.urls, "http://"+listen)
		if err := s.await(ctx, "http://"+listen, s.programs[len(s.programs)-1]); err != nil {
			return err
		}
	}
	return nil
}

// start starts a program that runs until close. What it says goes to a file.
func (s *site) start(name string, environment []string, path string, arguments ...string) error {
	out, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return fmt.Errorf("make a log for %s: %w", name, err)
	}
	defer func() { _ = out.Close() }()    // the program has its own
	c := exec.Command(path, arguments...) //nolint:noctx // it ends with close
	c.Env, c.Stdout, c.Stderr = environment, out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // Ctrl-C is for us
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.programs = append(s.programs, &program{name: name, cmd: c})
	return nil
}

// patience is how long a server may take to be ready.
const patience = 30 * time.Second

func (s *site) await(ctx context.Context, url string, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		body, err := loopback.Fetch(ctx, url+"/healthz")
		if err == nil && strings.Contains(body, `"ready"`) {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, p.name+".log")) // what there is helps
			return fmt.Errorf("%s is not ready: %s %w\n%s", p.name, body, err, log)
		}
	}
}

// close stops everything, the balancers first.
func (s *site) close() error {
	var errs []error
	for n := len(s.programs) - 1; n >= 0; n-- {
		p := s.programs[n]
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
		}
		if err := p.cmd.Wait(); err != nil && strings.HasPrefix(p.name, "server") { // HAProxy ends by the signal
			errs = append(errs, fmt.Errorf("%s ended with %w", p.name, err))
		}
	}
	errs = append(errs, s.redis.mend(), s.stack.Stop(), s.redis.end(), os.RemoveAll(s.dir))
	return errors.Join(errs...)
}
