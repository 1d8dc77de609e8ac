package devstack

import (
	"fmt"
	"path/filepath"
	"strings"
)

// preparePooler writes what PgBouncer reads, and gives its port.
func (s *Stack) preparePooler(dir string, who user, secret, pgPort string) (string, error) {
	port, err := keptPort(dir, "pgbouncer")
	if err != nil {
		return "", err
	}
	users := filepath.Join(dir, "pgbouncer.users")
	if err := who.write(users, fmt.Sprintf("%q %q\n", databaseName, secret)); err != nil {
		return "", err
	}
	return port, who.write(filepath.Join(dir, "pgbouncer.ini"), poolerConf(dir, users, port, pgPort))
}

// poolerConf is transaction pooling as operators run it, in front of any database of the server. PostgreSQL looks each second whether
// whoever asked is still there: nobody calls a statement off through PgBouncer.
func poolerConf(dir, users, port, pgPort string) string {
	return strings.Join([]string{"[databases]", "* = host=127.0.0.1 port=" + pgPort + " connect_query='SET client_connection_check_interval = 1000'", "[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + port,
		"unix_socket_dir =", "auth_type = scram-sha-256", "auth_file = " + users, "pool_mode = transaction", "max_client_conn = 2000",
		"default_pool_size = 20", "server_idle_timeout = 15", "server_login_retry = 1",
		"pidfile = " + filepath.Join(dir, "pgbouncer.pid"), "log_connections = 0", "log_disconnections = 0", ""}, "\n")
}
