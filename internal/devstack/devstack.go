// Package devstack runs a private PostgreSQL and Redis from the machine's own binaries, for the demo and for tests, and
// for tests a PgBouncer before that PostgreSQL, and a replica of another stack's. They listen on loopback, live in one folder, and end with the program that started them, however it ends.
package devstack

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed keeper.sh
var keeper string

// Options say what to run. Dir is made if it is not there, and its servers' data is kept unless Temporary.
type Options struct {
	Dir       string
	Redis     bool
	Pooler    bool     // a PgBouncer in transaction pooling
	Follow    string   // the address of a stack's database that this one's is to be a replica of
	Settings  []string // more of PostgreSQL's, such as "synchronous_commit=remote_apply"
	Temporary bool     // for tests: nothing is synced to disk, and the folder goes when the servers stop
}

// Stack is a running PostgreSQL, and a Redis where one was asked for.
type Stack struct {
	DatabaseURL string
	RedisURL    string // empty without Redis
	PoolerURL   string // of the same database through PgBouncer; empty without
	keeper      *exec.Cmd
	hold        io.Closer // the servers run for as long as it is open
	lock        *os.File
}

// databaseName is the database of the stack, and its owner's name.
const databaseName = "traitortrack"

// Start starts the servers and waits until they answer. A folder is for one stack at a time.
func Start(ctx context.Context, o Options) (*Stack, error) {
	bin, err := find(o)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := who.prepare(o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, o, bin, who, lock)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

func start(ctx context.Context, o Options, bin binaries, who user, lock *os.File) (*Stack, error) {
	secret, err := keptSecret(o)
	if err != nil {
		return nil, err
	}
	if err := initialise(ctx, o, bin, who, secret); err != nil {
		return nil, err
	}
	pgPort, err := keptPort(o.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	redisPort, err := keptPort(o.Dir, "redis")
	if err != nil {
		return nil, err
	}
	s := &Stack{lock: lock, DatabaseURL: databaseURL(secret, pgPort, databaseName)}
	if o.Redis {
		s.RedisURL = fmt.Sprintf("redis://default:%s@127.0.0.1:%s/0", secret, redisPort)
		if err := who.write(filepath.Join(o.Dir, "redis.conf"), redisConf(o.Dir, redisPort, secret)); err != nil {
			return nil, err
		}
	}
	if o.Pooler {
		port, err := s.preparePooler(o.Dir, who, secret, pgPort)
		if err != nil {
			return nil, err
		}
		s.PoolerURL = databaseURL(secret, port, databaseName)
	}
	if err := s.run(o, bin, who, pgPort); err != nil {
		return nil, err
	}
	if err := s.wait(ctx, o, secret, pgPort, redisPort); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Tuned are PostgreSQL's settings for a machine like this one under load, by its own manual: a part of the memory as its cache,
// checkpoints that are not made for want of room, the price of a disk without a head, and no compiling of queries that are over before
// that pays. Durability is as it comes.
func Tuned() []string {
	return []string{"shared_buffers=2GB", "max_wal_size=8GB", "checkpoint_timeout=15min", "random_page_cost=1.1", "jit=off"}
}

func databaseURL(secret, port, name string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s/%s?sslmode=disable", databaseName, secret, port, name)
}

// RedisDatabases is how many databases a stack's Redis has, so that each of many tests finds one that is empty.
const RedisDatabases = 1024

func redisConf(dir, port, secret string) string {
	return strings.Join([]string{"bind 127.0.0.1", "port " + port, "requirepass " + secret, "dir " + quote(dir), "pidfile " + quote(filepath.Join(dir, "redis.pid")),
		fmt.Sprint("databases ", RedisDatabases), `save ""`, "appendonly no", "maxmemory 256mb", "maxmemory-policy noeviction", "daemonize no", ""}, "\n")
}

func quote(path string) string { return `"` + strings.ReplaceAll(path, `"`, `\"`) + `"` }

// initialise makes the database cluster, once. It is made beside its place and moved there whole, so that a start that
// was cut short leaves nothing that looks finished.
func initialise(ctx context.Context, o Options, bin binaries, who user, secret string) error {
	data := filepath.Join(o.Dir, "postgres")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	fresh, pwfile := data+".new", filepath.Join(o.Dir, "secret")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear %s: %w", fresh, err)
	}
	create := exec.CommandContext(ctx, bin.initdb, "-D", fresh, "-U", databaseName, "--pwfile", pwfile, "-A", "scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if o.Follow != "" {
		create = exec.CommandContext(ctx, bin.basebackup, "-D", fresh, "-d", o.Follow, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
	}
	create.SysProcAttr = who.attributes()
	create.Dir = o.Dir
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("make the database cluster in %s: %w: %s", fresh, err, bytes.TrimSpace(out))
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("put the database cluster in its place: %w", err)
	}
	return nil
}

// run starts the keeper, which starts the servers.
func (s *Stack) run(o Options, bin binaries, who user, pgPort string) error {
	options := "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c shared_buffers=128MB"
	if o.Temporary {
		options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
	}
	for _, setting := range o.Settings {
		options += " -c " + setting
	}
	redis, pooler, remove := "", "", ""
	if o.Pooler {
		pooler = bin.pgbouncer
	}
	if o.Redis {
		redis = bin.redis
	}
	if o.Temporary {
		remove = "yes"
	}
	read, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the keeper's pipe: %w", err)
	}
	defer func() { _ = read.Close() }()
	k := exec.Command("/bin/sh", "-c", keeper)
	k.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "POSTGRES=" + bin.postgres, "REDIS=" + redis, "POOLER=" + pooler, "DIR=" + o.Dir, "PG_PORT=" + pgPort,
		"PG_OPTIONS=" + options, "REMOVE=" + remove}
	k.Dir, k.Stdin, k.ExtraFiles = o.Dir, read, []*os.File{s.lock}
	k.SysProcAttr = who.attributes()
	k.SysProcAttr.Setsid = true // a Ctrl-C in the terminal is for us, and not for the servers
	if err := k.Start(); err != nil {
		_ = hold.Close()
		return fmt.Errorf("start the servers: %w", err)
	}
	s.keeper, s.hold = k, hold
	return nil
}

// patience bounds how long the servers may take to answer.
const patience = time.Minute

// wait waits for the servers and makes the database where it is missing.
func (s *Stack) wait(ctx context.Context, o Options, secret, pgPort, redisPort string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := poll(ctx, func() error {
		if o.Follow != "" {
			return answers(ctx, s.DatabaseURL)
		}
		conn, err := pgx.Connect(ctx, databaseURL(secret, pgPort, "postgres"))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		var there bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&there); err != nil || there {
			return err
		}
		_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
		return err
	})
	if err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w%s", err, tail(filepath.Join(o.Dir, "postgres.log")))
	}
	if o.Pooler {
		if err := poll(ctx, func() error { return answers(ctx, s.PoolerURL) }); err != nil {
			return fmt.Errorf("PgBouncer does not answer: %w%s", err, tail(filepath.Join(o.Dir, "pgbouncer.log")))
		}
	}
	if !o.Redis {
		return nil
	}
	if err := poll(ctx, func() error { return knock(ctx, "127.0.0.1:"+redisPort) }); err != nil {
		return fmt.Errorf("Redis does not answer: %w%s", err, tail(filepath.Join(o.Dir, "redis.log")))
	}
	return nil
}

// answers connects, and asks for nothing.
func answers(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err == nil {
		err = conn.Close(ctx)
	}
	return err
}

func knock(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// tail gives a log's last lines, for an error.
func tail(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return "\n" + strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// Stop stops the servers and waits until they are gone.
func (s *Stack) Stop() error {
	if err := s.hold.Close(); err != nil {
		return fmt.Errorf("let go of the servers: %w", err)
	}
	if err := s.keeper.Wait(); err != nil {
		return fmt.Errorf("stop the servers: %w", err)
	}
	return s.lock.Close()
}

// WriteEnv writes the addresses of the stack's servers to the file env in dir, one NAME=value a line.
func (s *Stack) WriteEnv(dir string) error {
	text := "DATABASE_URL=" + s.DatabaseURL + "\n"
	if s.RedisURL != "" {
		text += "REDIS_URL=" + s.RedisURL + "\n"
	}
	return os.WriteFile(filepath.Join(dir, "env"), []byte(text), 0o600)
}
