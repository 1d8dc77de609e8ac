// Package loopback is what both load programs need of this machine's network.
package loopback

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// TwoAddresses gives two free ports of loopback.
func TwoAddresses(ctx context.Context) (string, string, error) {
	var addresses [2]string
	for n := range addresses {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }()
		addresses[n] = listener.Addr().String()
	}
	return addresses[0], addresses[1], nil
}

// longest is how long an answer may take. A profile takes a third of it.
const longest = time.Minute

// Fetch gets what stands at an address, whatever the answer's status, within a minute.
func Fetch(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", url, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", url, err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil {
		return "", fmt.Errorf("read %s: %w", url, err)
	}
	return body.String(), nil
}
