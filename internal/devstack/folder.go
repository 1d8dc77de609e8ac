package devstack

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockFolder takes the folder's lock. The servers hold it too, so that a stack that was killed a moment ago
// has stopped before the next one starts.
func lockFolder(ctx context.Context, dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the folder's lock: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := poll(ctx, func() error { return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("the folder %s is in use by another demo: stop that one, or choose another folder", dir)
	}
	return lock, nil
}

// keptSecret gives the folder's password, made up at the first start. A replica has that of the stack that it follows.
func keptSecret(o Options) (string, error) {
	return kept(o.Dir, "secret", func() (string, error) {
		if o.Follow == "" {
			return rand.Text(), nil
		}
		of, err := url.Parse(o.Follow)
		if err != nil {
			return "", fmt.Errorf("read the address to follow: %w", err)
		}
		password, _ := of.User.Password()
		return password, nil
	})
}

// keptPort gives the port that a server had the last time, if it is free, and else a free one.
func keptPort(dir, server string) (string, error) {
	file := server + ".port"
	port, err := kept(dir, file, freePort)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err == nil {
		return port, listener.Close()
	}
	if err := os.Remove(filepath.Join(dir, file)); err != nil {
		return "", fmt.Errorf("forget the port of %s: %w", server, err)
	}
	return kept(dir, file, freePort)
}

// Ports for the servers are below those that the system gives to outgoing connections: one of these could take a port between our
// look and the server's start.
const (
	lowestPort  = 20_000
	highestPort = 32_767
)

func freePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(lowestPort + mathrand.IntN(highestPort-lowestPort)) //nolint:gosec // nobody gains by guessing it
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			return port, listener.Close()
		}
	}
	return "", fmt.Errorf("no port between %d and %d is free", lowestPort, highestPort)
}

func kept(dir, file string, fresh func() (string, error)) (string, error) {
	path := filepath.Join(dir, file)
	if raw, err := os.ReadFile(path); err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	text, err := fresh()
	if err != nil {
		return "", err
	}
	who, err := unprivileged()
	if err != nil {
		return "", err
	}
	return text, who.write(path, text+"\n")
}
