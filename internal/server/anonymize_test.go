package server_test

import (
	"testing"

	"traitortrack/internal/redisdb"
	"traitortrack/internal/server"
)

// TestAddressesAreShortenedBeforeTheyAreWritten logs in from an address that must not be found in any table then.
func TestAddressesAreShortenedBeforeTheyAreWritten(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.stranger(t)
	c.url = w.serve(t, func(d *server.Deps, _ *redisdb.DB) { d.AnonymizeAddresses = true })
	c.want(c.call("POST", "/api/login", map[string]any{"username": "admin" + w.name(), "password": "wrong bags"}), 401, "invalid_credentials")
	var address string
	err := w.db.Pool().QueryRow(t.Context(), `SELECT ip_address FROM audit_log WHERE action = 'login_failed'`).Scan(&address)
	if err != nil || address != "127.0.0.0" {
		t.Errorf("the log has %q, %v; want 127.0.0.0", address, err)
	}
}
