package main

import (
	"bytes"
	"maps"
	"net/url"
	"strings"
	"testing"

	"traitortrack/internal/config"
	"traitortrack/internal/mailtest"
	"traitortrack/internal/pgtest"
)

// examine runs the doctor, and gives what it said and the parts that it would have mended.
func examine(t *testing.T, e config.Environment) (string, []string, error) {
	t.Helper()
	var out bytes.Buffer
	var bad []string
	err := run(t.Context(), []string{"doctor"}, &world{environment: e, out: &out})
	for line := range strings.Lines(out.String()) {
		if part, found := strings.CutPrefix(line, "BAD "); found {
			name, _, _ := strings.Cut(strings.TrimSpace(part), ":")
			bad = append(bad, name)
		}
	}
	return out.String(), bad, err
}

// TestDoctor breaks one part of an installation after another: that one is named, with what to do, and no other.
func TestDoctor(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	whole := config.Environment{"DATABASE_URL": database, "REDIS_URL": pgtest.Redis(t), "RATELIMIT_STORAGE_URI": pgtest.Redis(t),
		"SECRET_KEY": "a-key-for-the-doctors-own-test-alone", "BASE_URL": "http://bags.example.com",
		"SMTP_URL": mailtest.Open(t).URL, "MAIL_FROM": "bags@example.com"}
	nobody := somewhere(t)
	for _, tc := range []struct {
		name  string
		with  config.Environment
		bad   string // empty where all is well
		tells string
	}{
		{"whole", nil, "", "mail: the server answers"},
		{"without Redis and mail", config.Environment{"REDIS_URL": "", "RATELIMIT_STORAGE_URI": "", "SMTP_URL": ""}, "", "links to invite and to reset are shown to the admin"},
		{"a variable", config.Environment{"POOL_SIZE": "many"}, "configuration", "POOL_SIZE"},
		{"the key", config.Environment{"SECRET_KEY": ""}, "secret key", "openssl rand -base64 32"},
		{"the database", config.Environment{"DATABASE_URL": "postgres://nobody@" + nobody + "/none"}, "database", "Check DATABASE_URL"},
		{"the connections", config.Environment{"POOL_SIZE": "1000"}, "connections", "Lower POOL_SIZE"},
		{"the schema", config.Environment{"DATABASE_URL": neighbour(t, database, "postgres")}, "schema", "traitortrack migrate"},
		{"Redis", config.Environment{"REDIS_URL": "redis://" + nobody}, "Redis", "Check REDIS_URL"},
		{"the Redis of the limits", config.Environment{"RATELIMIT_STORAGE_URI": "redis://" + nobody}, "Redis of the limits", "RATELIMIT_STORAGE_URI"},
		{"the mail server", config.Environment{"SMTP_URL": "smtp://" + nobody}, "mail", "Check SMTP_URL"},
		{"the pooler", config.Environment{"DATABASE_POOLER": "transaction", "DATABASE_DIRECT_URL": database, "DATABASE_URL": "postgres://nobody@" + nobody + "/none"}, "pooler", "SHOW POOLS"},
		{"the replica", config.Environment{"DATABASE_REPLICA_URL": "postgres://nobody@" + nobody + "/none"}, "replica", "the primary answers everything"},
		{"a replica of nobody", config.Environment{"DATABASE_REPLICA_URL": database}, "replica", "a primary of its own"},
	} {
		e := maps.Clone(whole)
		maps.Copy(e, tc.with)
		said, bad, err := examine(t, e)
		if strings.Join(bad, ", ") != tc.bad || (err != nil) != (tc.bad != "") || !strings.Contains(said, tc.tells) {
			t.Errorf("%s: %q is to be mended, %v\n%s", tc.name, bad, err, said)
		}
	}
}

// neighbour is another database of the same server.
func neighbour(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
