package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// caller is one connection to a server, of somebody who is logged in. It is lean, since it shares the machine with what it
// measures: it writes requests as text, and reads answers to their ends.
type caller struct {
	conn   net.Conn
	in     *bufio.Reader
	cookie string
	body   []byte // of the last answer
}

func call(ctx context.Context, address string) (*caller, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	return &caller{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (c *caller) close() { _ = c.conn.Close() }

// logIn begins a session.
func (c *caller) logIn(name string) error {
	cookies, err := c.ask("POST", "/api/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
	if err != nil {
		return fmt.Errorf("log in as %s: %w", name, err)
	}
	for _, cookie := range cookies {
		c.cookie += cookie.Name + "=" + cookie.Value + "; "
	}
	return nil
}

// ask makes a request, keeps the answer's body, and gives its cookies. Everything but an answer of 200 is an error.
func (c *caller) ask(method, path, body string) ([]*http.Cookie, error) {
	request := method + " " + path + " HTTP/1.1\r\nHost: figures\r\nCookie: " + c.cookie + "\r\n"
	if body != "" {
		request += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+body); err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if c.body, err = io.ReadAll(answer.Body); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %d %.300s", method, path, answer.StatusCode, c.body)
	}
	return answer.Cookies(), nil
}

// timed is how long something took, many times over, from the request's first byte to the answer's last.
type timed struct {
	name     string
	bar      time.Duration // its p99; none where it is 0
	p50, p99 time.Duration
}

// time asks for paths, one after the other.
func (c *caller) time(name string, bar time.Duration, paths []string) (timed, error) {
	took := make([]time.Duration, 0, len(paths))
	for _, path := range paths {
		begun := time.Now()
		if _, err := c.ask("GET", path, ""); err != nil {
			return timed{}, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return timed{name: name, bar: bar, p50: took[len(took)/2], p99: took[len(took)*99/100]}, nil
}

func short(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", float64(d.Microseconds())/1000), ".00") + " ms"
}
