package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// oldest is the oldest major version of PostgreSQL that the schema runs on.
const oldest = 15

type binaries struct{ initdb, basebackup, postgres, redis, pgbouncer string }

// find finds the servers' programs, or says what to install.
func find(o Options) (binaries, error) {
	var b binaries
	var missing []string
	if dir := postgresDir(); dir != "" {
		b.initdb, b.basebackup, b.postgres = filepath.Join(dir, "initdb"), filepath.Join(dir, "pg_basebackup"), filepath.Join(dir, "postgres")
	} else {
		missing = append(missing, "postgresql")
	}
	var err error
	if b.redis, err = exec.LookPath("redis-server"); err != nil && o.Redis {
		missing = append(missing, "redis-server")
	}
	if b.pgbouncer, err = lookPath("pgbouncer"); err != nil && o.Pooler {
		missing = append(missing, "pgbouncer")
	}
	if len(missing) > 0 {
		return b, fmt.Errorf("PostgreSQL %d or newer and Redis are needed on this machine; install what is missing with: sudo apt-get install -y %s",
			oldest, strings.Join(missing, " "))
	}
	return b, nil
}

// lookPath finds a program, also one that Debian keeps from the paths of ordinary users.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// postgresDir is the folder of the newest PostgreSQL. Debian keeps each version in one of its own.
func postgresDir() string {
	best, dir := 0, ""
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	for _, path := range candidates {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && version >= oldest && version > best {
			best, dir = version, filepath.Dir(path)
		}
	}
	if dir != "" {
		return dir
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// user is who runs the servers: oneself, or somebody without privileges when oneself is root, whom PostgreSQL refuses.
type user struct {
	name     string
	uid, gid int
	drop     bool
}

func unprivileged() (user, error) {
	if os.Geteuid() != 0 {
		return user{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		return user{name: name, uid: uid, gid: gid, drop: true}, errors.Join(uidErr, gidErr)
	}
	return user{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it as: start as an ordinary user")
}

func (u user) attributes() *syscall.SysProcAttr {
	if !u.drop {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}}
}

// Folder makes a folder for servers that do not stay. The user who runs PostgreSQL gets to what is in it. The caller removes it.
func Folder() (string, error) {
	dir, err := os.MkdirTemp("", "traitortrack-")
	if err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // to pass through, and not to read
		return "", fmt.Errorf("open the folder to PostgreSQL's user: %w", err)
	}
	return dir, nil
}

// prepare makes the folder, gives it to the user, and sees that the user can get to it.
func (u user) prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if !u.drop {
		return nil
	}
	if err := os.Chown(dir, u.uid, u.gid); err != nil {
		return fmt.Errorf("give the data folder to %s: %w", u.name, err)
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return fmt.Errorf("look at %s: %w", parent, err)
		}
		if info.Mode().Perm()&0o001 == 0 && !u.owns(info) {
			return fmt.Errorf("the user %s, who runs PostgreSQL, cannot enter %s: choose another data folder, or let others enter it with: chmod o+x %s", u.name, parent, parent)
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}

func (u user) owns(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == u.uid && info.Mode().Perm()&0o100 != 0
}

// write writes a file that only the user may read.
func (u user) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if !u.drop {
		return nil
	}
	if err := os.Chown(path, u.uid, u.gid); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, u.name, err)
	}
	return nil
}

// DefaultDir is where the demo keeps its data: in one's own data folder, or for root where an unprivileged user can
// get to it.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/traitortrack-demo", nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the demo's data: %w", err)
	}
	return filepath.Join(home, ".local", "share", "traitortrack-demo"), nil
}
