package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"traitortrack/internal/account"
	"traitortrack/internal/authz"
	"traitortrack/internal/config"
	"traitortrack/internal/org"
	"traitortrack/internal/pgtest"
)

// TestCreateAdmin makes the first admin with the first organization, and one by standard input; and holds what is said to whoever
// asks for one that cannot be.
func TestCreateAdmin(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	typed := filepath.Join(t.TempDir(), "typed")
	if err := os.WriteFile(typed, []byte("nine brown sacks\r\nand no more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (string, error) {
		in, err := os.Open(typed)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		var out bytes.Buffer
		err = run(t.Context(), append([]string{"create-admin"}, args...), &world{environment: config.Environment{"DATABASE_URL": url}, in: in, out: &out})
		return out.String(), err
	}
	const good, mail = "--password=seven green bags", "--email=root@example.org"
	for _, tc := range []struct {
		name, says string
		args       []string
	}{
		{"the first", "root is an admin of Warehouse now", []string{"--username=root", mail, good}},
		{"by standard input", "asha is an admin of Warehouse now", []string{"--username=asha", mail, "--password-stdin", "--org=WAREHOUSE"}},
	} {
		if said, err := command(tc.args...); err != nil || !strings.Contains(said, tc.says) || strings.Contains(said, "bags") {
			t.Fatalf("%s: %q, %v", tc.name, said, err)
		}
	}
	err := db.Tx(t.Context(), func(tx pgx.Tx) error {
		_, err := org.Create(t.Context(), tx, "Another", "UTC")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, says string
		args       []string
	}{
		{"there already, in another case", "is taken", []string{"--username=ROOT", mail, good, "--org=Another"}},
		{"no organization of two", "Warehouse, Another", []string{"--username=ravi", mail, good}},
		{"an organization that is none", "Warehouse, Another", []string{"--username=ravi", mail, good, "--org=Wherehouse"}},
		{"a common password", "Many people choose", []string{"--username=ravi", mail, "--password=password123", "--org=Another"}},
		{"a short password", "at least 10", []string{"--username=ravi", mail, "--password=short", "--org=Another"}},
		{"two passwords", "--password-stdin", []string{"--username=ravi", mail, good, "--password-stdin", "--org=Another"}},
		{"no terminal to ask on", "--password-stdin", []string{"--username=ravi", mail, "--password=", "--org=Another"}},
		{"no mail address", "mail address", []string{"--username=ravi", "--email=ravi", good, "--org=Another"}},
		{"a mail address with a line end", "mail address", []string{"--username=ravi", "--email=ravi@example.org\r\nBcc: x@example.org", good, "--org=Another"}},
		{"a name with a space", "no spaces", []string{"--username=ravi k", mail, good, "--org=Another"}},
		{"no name", "user name", []string{"--username=", mail, good, "--org=Another"}},
		{"no mail", "--email", []string{"--username=ravi", good}},
		{"a flag that is none", "--rôle", []string{"--username=ravi", mail, good, "--rôle=admin"}},
	} {
		if said, err := command(tc.args...); err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "seven green") {
			t.Errorf("%s: %q, %v, want %q", tc.name, said, err, tc.says)
		}
	}
	store := account.NewStore(db, time.Now)
	for name, password := range map[string]string{"root": "seven green bags", "asha": "nine brown sacks"} {
		if user, err := store.Login(t.Context(), authz.Actor{}, name, password); err != nil || user.Role != authz.Admin {
			t.Errorf("%s logs in: %+v, %v", name, user, err)
		}
	}
	var users, rows int
	err = db.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM "user"), (SELECT count(*) FROM audit_log WHERE action = 'create_user')`).Scan(&users, &rows)
	if err != nil || users != 2 || rows != 2 {
		t.Errorf("%d users, %d rows of the audit log, %v; want two of each", users, rows, err)
	}
}

// TestCommandsThatAreRefused calls commands about accounts and the audit log with what they cannot use.
func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	key := strings.Repeat("k", 32)
	for _, tc := range []struct {
		args, says string
		more       config.Environment
	}{
		{"unlock --username nobody", "nothing to unlock", nil},
		{"unlock", "--username", nil},
		{"unlock --username", "--username", nil},
		{"reset-password --username nobody", "no such user", nil},
		{"user deactivate --username nobody", "no such user", nil},
		{"user", "deactivate", nil},
		{"user erase --username asha", "erase", nil},
		{"sessions end --username nobody", "no such user", nil},
		{"audit verify", "SECRET_KEY", nil},
		{"audit verify --head 42", "--head 42 is not a head", config.Environment{"SECRET_KEY": key}},
		{"audit verify --head x:00", "is not a head", config.Environment{"SECRET_KEY": key}},
		{"audit verify --head 7:00", "not as it was sealed", config.Environment{"SECRET_KEY": key}},
		{"audit verify", "SECRET_KEY", config.Environment{"SECRET_KEY": "short"}},
		{"audit archive", "AUDIT_ARCHIVE_DIR", config.Environment{"SECRET_KEY": key}},
		{"audit archive", "SECRET_KEY", config.Environment{"AUDIT_ARCHIVE_DIR": t.TempDir()}},
		{"audit", "verify", nil},
	} {
		e := config.Environment{"DATABASE_URL": url}
		for name, value := range tc.more {
			e[name] = value
		}
		var out bytes.Buffer
		if err := run(t.Context(), strings.Fields(tc.args), &world{environment: e, in: os.Stdin, out: &out}); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", tc.args, err, tc.says)
		}
	}
	for _, clean := range []string{"audit verify", "audit archive"} {
		var out bytes.Buffer
		e := config.Environment{"DATABASE_URL": url, "SECRET_KEY": key, "AUDIT_ARCHIVE_DIR": t.TempDir()}
		if err := run(t.Context(), strings.Fields(clean), &world{environment: e, in: os.Stdin, out: &out}); err != nil || out.Len() == 0 {
			t.Errorf("%s: %q, %v", clean, out.String(), err)
		}
	}
}
