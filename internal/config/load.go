package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Environment is what the program was given, by name.
type Environment map[string]string

// OS gives the environment of this process. Nothing else reads it.
func OS() Environment { return env.ToMap(os.Environ()) }

// Addresses are the variables that say where PostgreSQL and Redis are.
func Addresses() []string {
	return []string{"DATABASE_URL", "PRODUCTION_DATABASE_URL", "DATABASE_REPLICA_URL", "DATABASE_DIRECT_URL", "DATABASE_POOLER",
		"REDIS_URL", "RATELIMIT_STORAGE_URI"}
}

// Set sets a variable, whatever was given.
func (e Environment) Set(name, value string) {
	delete(e, name+"_FILE")
	e[name] = value
}

// Default sets a variable that was not given. One that was given as nothing stays nothing.
func (e Environment) Default(name, value string) {
	_, given := e[name]
	_, file := e[name+"_FILE"]
	if !given && !file {
		e[name] = value
	}
}

// Unset takes variables away, with the files that they may be read from.
func (e Environment) Unset(names ...string) {
	for _, name := range names {
		delete(e, name)
		delete(e, name+"_FILE")
	}
}

// Load makes a configuration of an environment. Its error has a line for each variable that is wrong.
func Load(given Environment) (Config, error) {
	values, wrong := readFiles(given)
	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: values, FuncMap: map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[[]netip.Prefix](): parsePrefixes,
	}})
	wrong = append(wrong, c.unreadable(err, values)...)
	for _, complaint := range c.outOfRange(values) {
		if !slices.Contains(wrong, complaint) { // what could not be read is out of range as well
			wrong = append(wrong, complaint)
		}
	}
	if len(wrong) > 0 {
		return Config{}, errors.New("the configuration cannot be used:\n  " + strings.Join(wrong, "\n  "))
	}
	c.fill()
	return c, nil
}

// fill puts in what stands for what was not given.
func (c *Config) fill() {
	if c.DatabaseURL == "" {
		c.DatabaseURL = c.ProductionDatabaseURL
	}
	if c.DatabaseDirectURL == "" {
		c.DatabaseDirectURL = c.DatabaseURL
	}
	if c.RateLimitStorageURI == "" {
		c.RateLimitStorageURI = c.RedisURL
	}
	c.BaseURL, c.AssetBaseURL = strings.TrimRight(c.BaseURL, "/"), strings.TrimRight(c.AssetBaseURL, "/")
}

// variable is one field of Config, as its tags tell it.
type variable struct {
	field, name, want string
	secret            bool
}

func variables() []variable {
	var all []variable
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		all = append(all, variable{field: f.Name, name: f.Tag.Get("env"), want: f.Tag.Get("want"), secret: f.Tag.Get("secret") == "true"})
	}
	return all
}

// complaint says what is wrong with a variable. A secret's value is not shown.
func (v variable) complaint(value string) string {
	if v.secret {
		return fmt.Sprintf("%s is not right: it takes %s", v.name, v.want)
	}
	return fmt.Sprintf("%s is %q: it takes %s", v.name, value, v.want)
}

// readFiles gives the values that are set, with secrets read from the files that NAME_FILE names.
func readFiles(given Environment) (map[string]string, []string) {
	values := map[string]string{}
	var wrong []string
	for _, v := range variables() {
		value, path := given[v.name], given[v.name+"_FILE"]
		switch {
		case v.secret && path != "" && value != "":
			wrong = append(wrong, fmt.Sprintf("%s and %s_FILE are both set: keep one of them", v.name, v.name))
		case v.secret && path != "":
			raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s_FILE cannot be read: %v", v.name, err))
			}
			value = strings.TrimSpace(string(raw))
		}
		if value = strings.TrimSpace(value); value != "" {
			values[v.name] = value
		}
	}
	return values, wrong
}

// unreadable turns what env could not parse into complaints. It names fields; people know variables.
func (c Config) unreadable(err error, values map[string]string) []string {
	var all env.AggregateError
	if !errors.As(err, &all) {
		if err != nil {
			return []string{err.Error()}
		}
		return nil
	}
	var wrong []string
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			wrong = append(wrong, one.Error())
			continue
		}
		for _, v := range variables() {
			if v.field == parse.Name {
				wrong = append(wrong, v.complaint(values[v.name]))
			}
		}
	}
	return wrong
}

// outOfRange complains of values that could be read and cannot be used. Only what was given is looked at.
func (c Config) outOfRange(values map[string]string) []string {
	checks := c.checks()
	var wrong []string
	for _, v := range variables() {
		value, given := values[v.name]
		if check, ok := checks[v.name]; ok && given && !check() {
			wrong = append(wrong, v.complaint(value))
		}
	}
	if values["DATABASE_URL"] == "" && values["PRODUCTION_DATABASE_URL"] == "" {
		wrong = append(wrong, "DATABASE_URL is not set: it takes "+variables()[0].want)
	}
	return append(wrong, c.missingForMail(values)...)
}

// missingForMail complains of what a mail would lack: where it comes from, and where its links lead.
func (c Config) missingForMail(values map[string]string) []string {
	if !c.checks()["SMTP_URL"]() {
		return nil
	}
	var wrong []string
	for _, v := range variables() {
		if (v.name == "MAIL_FROM" || v.name == "BASE_URL") && values[v.name] == "" {
			wrong = append(wrong, v.name+" is not set, and SMTP_URL is: it takes "+v.want)
		}
	}
	return wrong
}

// checks are what a value has to be beyond readable, by the variable's name.
func (c Config) checks() map[string]func() bool {
	return map[string]func() bool{
		"POOL_SIZE":                      func() bool { return within(c.PoolSize, 1, 1000) },
		"POOL_MAX_OVERFLOW":              func() bool { return within(c.PoolMaxOverflow, 0, 1000) },
		"BILLING_GATE_CACHE_TTL_SECONDS": func() bool { return within(c.BillingGateCacheTTLSeconds, 5, 300) },
		"CACHE_TTL_SECONDS":              func() bool { return within(c.CacheTTLSeconds, 0, 60) },
		"MAX_UPLOAD_BYTES":               func() bool { return within(c.MaxUploadBytes, 1, 1<<30) },
		"SHUTDOWN_TIMEOUT":               func() bool { return within(c.ShutdownTimeout, 0, 10*time.Minute) },
		"DATABASE_POOLER":                func() bool { return c.DatabasePooler == "transaction" },
		"DATABASE_URL":                   func() bool { return isURL(c.DatabaseURL, "postgres", "postgresql") },
		"PRODUCTION_DATABASE_URL":        func() bool { return isURL(c.ProductionDatabaseURL, "postgres", "postgresql") },
		"DATABASE_REPLICA_URL":           func() bool { return isURL(c.DatabaseReplicaURL, "postgres", "postgresql") },
		"DATABASE_DIRECT_URL":            func() bool { return isURL(c.DatabaseDirectURL, "postgres", "postgresql") },
		"REDIS_URL":                      func() bool { return isURL(c.RedisURL, "redis", "rediss", "unix") },
		"RATELIMIT_STORAGE_URI":          func() bool { return isURL(c.RateLimitStorageURI, "redis", "rediss", "unix") },
		"SMTP_URL":                       func() bool { return isURL(c.SMTPURL, "smtp", "smtps") },
		"BASE_URL":                       func() bool { return isWeb(c.BaseURL) },
		"ASSET_BASE_URL":                 func() bool { return isWeb(c.AssetBaseURL) },
		"ADDR":                           func() bool { return isAddress(c.Addr) },
		"METRICS_ADDR":                   func() bool { return c.MetricsAddr == "off" || isAddress(c.MetricsAddr) },
		"SECRET_KEY":                     func() bool { return len(c.SecretKey) >= 32 },
		"SECRET_KEY_OLD":                 func() bool { return !slices.ContainsFunc(c.SecretKeyOld, func(k string) bool { return len(k) < 32 }) },
		"MAIL_FROM":                      func() bool { _, err := mail.ParseAddress(c.MailFrom); return err == nil },
		"LOG_FORMAT":                     func() bool { return c.LogFormat == "json" || c.LogFormat == "text" },
		"DEMO_PASSWORD":                  func() bool { return len([]rune(c.DemoPassword)) >= 10 },
		"SEED_PASSWORD":                  func() bool { return len([]rune(c.SeedPassword)) >= 10 },
	}
}

func within[T int | int64 | time.Duration](n, least, most T) bool { return n >= least && n <= most }

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Path != "")
}

func isWeb(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
