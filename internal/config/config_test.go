package config_test

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"traitortrack/internal/config"
)

const database = "postgres://u:p@db/traitortrack"

func load(t *testing.T, e config.Environment) config.Config {
	t.Helper()
	c, err := config.Load(e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := config.Config{
		DatabaseURL: database, DatabaseDirectURL: database, PoolSize: 25, PoolMaxOverflow: 15, Addr: ":5000", MetricsAddr: "127.0.0.1:9464",
		ShutdownTimeout: 25 * time.Second, MaxUploadBytes: 16 << 20, RequireAdmin2FA: true, BillingCacheEnabled: true,
		BillingGateCacheTTLSeconds: 45, CacheTTLSeconds: 2, ScanGroups: true, RateLimitLogin: config.Rate{Count: 10, Per: time.Minute},
		RateLimitAPI: config.Rate{Count: 6000, Per: time.Minute}, RateLimitDefault: config.Rate{Count: 600, Per: time.Minute},
		LogLevel: config.Level(slog.LevelInfo), LogFormat: "json",
	}
	got := load(t, config.Environment{"DATABASE_URL": database, "POOL_SIZE": "", "PATH": "/bin"})
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(- want, + got)\n%s", diff)
	}
	if got.MaxConns() != 40 || got.CacheTTL() != 2*time.Second || got.BillingGateCacheTTL() != 45*time.Second || got.Secure() || got.Pooled() {
		t.Errorf("derived values are wrong: %d %s %s", got.MaxConns(), got.CacheTTL(), got.BillingGateCacheTTL())
	}
}

func TestValuesThatStandInForOthers(t *testing.T) {
	t.Parallel()
	c := load(t, config.Environment{"PRODUCTION_DATABASE_URL": database, "REDIS_URL": "redis://r:6379", "BASE_URL": "https://bags.example.com/", "DATABASE_POOLER": "transaction"})
	if c.DatabaseURL != database || c.DatabaseDirectURL != database || c.RateLimitStorageURI != "redis://r:6379" {
		t.Errorf("got %q, %q, %q", c.DatabaseURL, c.DatabaseDirectURL, c.RateLimitStorageURI)
	}
	if c.BaseURL != "https://bags.example.com" || !c.Secure() || !c.Pooled() {
		t.Errorf("BASE_URL %q, secure %v, pooled %v", c.BaseURL, c.Secure(), c.Pooled())
	}
	c = load(t, config.Environment{"DATABASE_URL": database, "PRODUCTION_DATABASE_URL": "postgres://other/db", "DATABASE_DIRECT_URL": "postgres://direct/db"})
	if c.DatabaseURL != database || c.DatabaseDirectURL != "postgres://direct/db" {
		t.Errorf("got %q, %q", c.DatabaseURL, c.DatabaseDirectURL)
	}
}

// TestWrongValues holds that a bad value is refused under its name, and that a secret's value is not shown.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, value, says string }{
		{"DATABASE_URL", "mysql://u:hush@h/d", "postgres://"},
		{"DATABASE_URL", "postgres://u:hush@h:p:q/d", "postgres://"},
		{"DATABASE_REPLICA_URL", "http://u:hush@h/d", "replica"},
		{"DATABASE_POOLER", "session", "transaction"},
		{"REDIS_URL", "http://u:hush@h", "redis://"},
		{"RATELIMIT_STORAGE_URI", "memory:hush", "Redis"},
		{"POOL_SIZE", "many", "1 to 1000"},
		{"POOL_SIZE", "0", "1 to 1000"},
		{"POOL_MAX_OVERFLOW", "-1", "0 to 1000"},
		{"ADDR", "5000", ":5000"},
		{"ADDR", ":99999", ":5000"},
		{"METRICS_ADDR", "on", "off"},
		{"BASE_URL", "bags.example.com", "https://"},
		{"ASSET_BASE_URL", "//cdn", "https://"},
		{"TRUSTED_PROXIES", "10.0.0.0/8,localhost", "10.0.0.0/8"},
		{"RATELIMIT_EXEMPT", "10.0.0.0/40", "10.0.0.0/8"},
		{"SHUTDOWN_TIMEOUT", "soon", "25s"},
		{"SHUTDOWN_TIMEOUT", "-1s", "25s"},
		{"MAX_UPLOAD_BYTES", "16MB", "16777216"},
		{"SECRET_KEY", "hush", "32"},
		{"SECRET_KEY_OLD", "hush,hush", "32"},
		{"REQUIRE_ADMIN_2FA", "perhaps", "true or false"},
		{"BILLING_GATE_CACHE_TTL_SECONDS", "4", "5 to 300"},
		{"BILLING_GATE_CACHE_TTL_SECONDS", "301", "5 to 300"},
		{"CACHE_TTL_SECONDS", "61", "0 to 60"},
		{"RATELIMIT_LOGIN", "10", "10/min"},
		{"RATELIMIT_LOGIN", "0/min", "10/min"},
		{"RATELIMIT_API", "10/fortnight", "6000/min"},
		{"SMTP_URL", "mail.example.com:hush", "smtp://"},
		{"MAIL_FROM", "nobody", "mail address"},
		{"LOG_LEVEL", "LOUD", "CRITICAL"},
		{"LOG_FORMAT", "xml", "json or text"},
		{"DEMO_PASSWORD", "hush", "10 characters"},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			e := config.Environment{"DATABASE_URL": database}
			e.Set(test.name, test.value)
			_, err := config.Load(e)
			if err == nil {
				t.Fatal("it was taken")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != 2 || !strings.Contains(lines[1], test.name) || !strings.Contains(lines[1], test.says) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %q, want one line that names %s and says %s", err, test.name, test.says)
			}
		})
	}
}

func TestMailNeedsASenderAndAnAddressForItsLinks(t *testing.T) {
	t.Parallel()
	e := config.Environment{"DATABASE_URL": database, "SMTP_URL": "smtp://mail.example.com"}
	_, err := config.Load(e)
	if err == nil || !strings.Contains(err.Error(), "MAIL_FROM is not set") || !strings.Contains(err.Error(), "BASE_URL is not set") {
		t.Errorf("got %v", err)
	}
	e.Set("MAIL_FROM", "bags@example.com")
	e.Set("BASE_URL", "https://bags.example.com")
	load(t, e)
}

func TestEveryWrongValueIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Environment{"POOL_SIZE": "x", "LOG_FORMAT": "x"})
	for _, name := range []string{"DATABASE_URL is not set", "POOL_SIZE", "LOG_FORMAT"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Rate{
		"10/min": {10, time.Minute}, " 5 / Minute ": {5, time.Minute}, "1/s": {1, time.Second}, "100/hour": {100, time.Hour}, "7/d": {7, 24 * time.Hour},
	} {
		var got config.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
		var again config.Rate
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written %q, which is read as %v, %v", text, got, again, err)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	c := load(t, config.Environment{"DATABASE_URL": database, "TRUSTED_PROXIES": "10.1.2.3/8, ::1,192.0.2.7", "RATELIMIT_EXEMPT": ""})
	var got []string
	for _, p := range c.TrustedProxies {
		got = append(got, p.String())
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "::1/128", "192.0.2.7/32"}, got); diff != "" {
		t.Error(diff)
	}
	if len(c.RateLimitExempt) != 0 {
		t.Errorf("nobody was to be exempt: %v", c.RateLimitExempt)
	}
}

// TestExemptUnsetAndEmpty holds the difference that the demo goes by: given as nothing, nobody is exempt.
func TestExemptUnsetAndEmpty(t *testing.T) {
	t.Parallel()
	e := config.Environment{"RATELIMIT_EXEMPT": ""}
	e.Default("RATELIMIT_EXEMPT", "127.0.0.1")
	if e["RATELIMIT_EXEMPT"] != "" {
		t.Error("what was given as nothing was filled in")
	}
	e = config.Environment{}
	e.Default("RATELIMIT_EXEMPT", "127.0.0.1")
	if e["RATELIMIT_EXEMPT"] != "127.0.0.1" {
		t.Error("what was not given was not filled in")
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte(database+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := load(t, config.Environment{"DATABASE_URL_FILE": path}); c.DatabaseURL != database {
		t.Errorf("got %q", c.DatabaseURL)
	}
	for says, e := range map[string]config.Environment{
		"both set":       {"DATABASE_URL_FILE": path, "DATABASE_URL": database},
		"cannot be read": {"DATABASE_URL_FILE": path + ".not"},
	} {
		if _, err := config.Load(e); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if _, err := config.Load(config.Environment{"DATABASE_URL": database, "ADDR_FILE": path}); err != nil {
		t.Errorf("ADDR is no secret, and its file is not looked at: %v", err)
	}
}

func TestUnset(t *testing.T) {
	t.Parallel()
	e := config.Environment{"DATABASE_URL": "x", "REDIS_URL_FILE": "y", "ADDR": ":1"}
	e.Unset(config.Addresses()...)
	if diff := cmp.Diff(config.Environment{"ADDR": ":1"}, e); diff != "" {
		t.Error(diff)
	}
}
