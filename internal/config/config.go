// Package config reads the environment, once, into a struct whose values are all usable. A value that is not stops the
// start with a sentence that names the variable and what it takes.
package config

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// Config is how the program was told to run. The tag want says what a variable takes, for whoever gave it something
// else; what is secret is never shown, and may be read from the file that NAME_FILE names.
type Config struct {
	DatabaseURL           string `env:"DATABASE_URL" secret:"true" want:"the address of PostgreSQL, such as postgres://user:password@host:5432/traitortrack"`
	ProductionDatabaseURL string `env:"PRODUCTION_DATABASE_URL" secret:"true" want:"the address of PostgreSQL; it is used where DATABASE_URL is not set"`
	DatabaseReplicaURL    string `env:"DATABASE_REPLICA_URL" secret:"true" want:"the address of a PostgreSQL replica"`
	DatabaseDirectURL     string `env:"DATABASE_DIRECT_URL" secret:"true" want:"the address of PostgreSQL itself, past any pooler"`
	DatabasePooler        string `env:"DATABASE_POOLER" want:"transaction (behind PgBouncer in that mode), or nothing"`
	RedisURL              string `env:"REDIS_URL" secret:"true" want:"the address of Redis, such as redis://:password@host:6379/0"`
	RateLimitStorageURI   string `env:"RATELIMIT_STORAGE_URI" secret:"true" want:"the address of the Redis that counts requests; REDIS_URL where it is not set"`
	PoolSize              int    `env:"POOL_SIZE" envDefault:"25" want:"a whole number of connections from 1 to 1000"`
	PoolMaxOverflow       int    `env:"POOL_MAX_OVERFLOW" envDefault:"15" want:"a whole number of connections from 0 to 1000"`

	Addr            string         `env:"ADDR" envDefault:":5000" want:"where to listen, such as :5000 or 127.0.0.1:5000"`
	MetricsAddr     string         `env:"METRICS_ADDR" envDefault:"127.0.0.1:9464" want:"where the private listener listens, such as 127.0.0.1:9464, or off"`
	BaseURL         string         `env:"BASE_URL" want:"the address under which people reach the server, such as https://bags.example.com"`
	AssetBaseURL    string         `env:"ASSET_BASE_URL" want:"the address of a CDN in front of the assets, such as https://cdn.example.com"`
	TrustedProxies  []netip.Prefix `env:"TRUSTED_PROXIES" want:"addresses or networks, such as 10.0.0.0/8,192.0.2.7"`
	ShutdownTimeout time.Duration  `env:"SHUTDOWN_TIMEOUT" envDefault:"25s" want:"how long open requests may take when the server stops, such as 25s, up to 10m"`
	MaxUploadBytes  int64          `env:"MAX_UPLOAD_BYTES" envDefault:"16777216" want:"a whole number of bytes from 1 to 1073741824, such as 16777216"`

	SecretKey    string   `env:"SECRET_KEY" secret:"true" want:"at least 32 characters that nobody can guess, such as openssl rand -base64 32 prints"`
	SecretKeyOld []string `env:"SECRET_KEY_OLD" secret:"true" want:"the former keys, separated by commas, each of at least 32 characters"`

	RequireAdmin2FA    bool `env:"REQUIRE_ADMIN_2FA" envDefault:"true" want:"true or false"`
	AnonymizeAuditLogs bool `env:"ANONYMIZE_AUDIT_LOGS" want:"true or false"`

	AuditArchiveDir string `env:"AUDIT_ARCHIVE_DIR" want:"the path of a folder for months of the audit log that are older than 90 days; they stay in the database where it is not set"`

	BillingCacheEnabled        bool `env:"BILLING_CACHE_ENABLED" envDefault:"true" want:"true or false"`
	BillingGateCacheTTLSeconds int  `env:"BILLING_GATE_CACHE_TTL_SECONDS" envDefault:"45" want:"a whole number of seconds from 5 to 300"`
	CacheTTLSeconds            int  `env:"CACHE_TTL_SECONDS" envDefault:"2" want:"a whole number of seconds from 0 to 60"`

	ScanGroups bool `env:"SCAN_GROUPS" envDefault:"true" want:"true or false"`

	RateLimitLogin   Rate           `env:"RATELIMIT_LOGIN" envDefault:"10/min" want:"a count and a unit (s, min, hour or day), such as 10/min"`
	RateLimitAPI     Rate           `env:"RATELIMIT_API" envDefault:"6000/min" want:"a count and a unit (s, min, hour or day), such as 6000/min"`
	RateLimitDefault Rate           `env:"RATELIMIT_DEFAULT" envDefault:"600/min" want:"a count and a unit (s, min, hour or day), such as 600/min"`
	RateLimitExempt  []netip.Prefix `env:"RATELIMIT_EXEMPT" want:"addresses or networks, such as 127.0.0.1,10.0.0.0/8"`

	SMTPURL  string `env:"SMTP_URL" secret:"true" want:"the address of a mail server, such as smtp://user:password@host:587 or smtps://host"`
	MailFrom string `env:"MAIL_FROM" want:"a mail address, such as TraitorTrack <bags@example.com>"`

	LogLevel  Level  `env:"LOG_LEVEL" envDefault:"INFO" want:"DEBUG, INFO, WARNING, ERROR or CRITICAL"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" want:"json or text"`
	LogFile   string `env:"LOG_FILE" want:"the path of a file; standard output where it is not set"`

	DemoPassword string `env:"DEMO_PASSWORD" secret:"true" want:"the password of the demo's users, of at least 10 characters"`
	SeedPassword string `env:"SEED_PASSWORD" secret:"true" want:"the password of the seeded users, of at least 10 characters"`
}

// MaxConns is how many connections the pool may hold.
func (c Config) MaxConns() int32 { return int32(c.PoolSize + c.PoolMaxOverflow) } //nolint:gosec // each is at most 1000

// BillingGateCacheTTL is how long an organization's standing is believed.
func (c Config) BillingGateCacheTTL() time.Duration {
	return time.Duration(c.BillingGateCacheTTLSeconds) * time.Second
}

// CacheTTL is how old the numbers of the dashboard may be.
func (c Config) CacheTTL() time.Duration { return time.Duration(c.CacheTTLSeconds) * time.Second }

// Pooled reports whether PostgreSQL is reached through a pooler that hands a connection on after each transaction.
func (c Config) Pooled() bool { return c.DatabasePooler == "transaction" }

// Secure reports whether people reach the server over TLS, be it ours or a proxy's.
func (c Config) Secure() bool { return strings.HasPrefix(c.BaseURL, "https:") }

// Level is a level of the log under the name that operators use.
type Level slog.Level

// Critical is the level of what ends the program. The library's own levels end one step below.
const Critical = slog.LevelError + 4

// UnmarshalText reads a level's name, in any case.
func (l *Level) UnmarshalText(text []byte) error {
	level, ok := map[string]slog.Level{"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARNING": slog.LevelWarn,
		"ERROR": slog.LevelError, "CRITICAL": Critical}[upper(text)]
	if !ok {
		return errUnknown
	}
	*l = Level(level)
	return nil
}
