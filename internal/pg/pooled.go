package pg

import (
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Behind a pooler in transaction pooling (PgBouncer before 1.21), a connection is another one in each transaction. So
// statements are described once and sent without a name, and the bounds that a connection else brings with it are set
// in each transaction. A single statement outside of one has only the bounds of its caller's context, and of its role.
// Nothing is called off through the pooler: PgBouncer 1.18 may end at a cancel request that finds its pool full
// (pgbouncer issue 822). It ends the server's connection of a client that leaves, and PostgreSQL the statement by its bounds.

const bounds = "SET LOCAL statement_timeout = '" + statementTimeout + "'; SET LOCAL lock_timeout = '" + lockTimeout +
	"'; SET LOCAL idle_in_transaction_session_timeout = '" + idleTimeout + "'"

// boundsQuery is the same as one statement, for a batch.
const boundsQuery = "SELECT set_config('statement_timeout', '" + statementTimeout + "', true), set_config('lock_timeout', '" + lockTimeout +
	"', true), set_config('idle_in_transaction_session_timeout', '" + idleTimeout + "', true)"

// begin gives how a transaction begins.
func begin(pooled bool) pgx.TxOptions {
	if !pooled {
		return pgx.TxOptions{}
	}
	return pgx.TxOptions{BeginQuery: "begin; " + bounds} // one message: it takes no longer
}

// oneMoment is a transaction in which every statement sees the same moment.
func oneMoment() pgx.TxOptions {
	return pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
}

// callNothingOff has connections send no cancel request when a context ends in the middle of a statement. pgx sends it to
// where the connection says that it leads.
func callNothingOff(c *pgconn.Config) {
	dial := c.DialFunc
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == (nowhere{}).Network() {
			return nil, errNothingCalledOff
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return unreachable{conn}, nil
	}
}

var errNothingCalledOff = errors.New("no statement is called off through a pooler")

// unreachable is a connection that does not say where it leads.
type unreachable struct{ net.Conn }

func (unreachable) RemoteAddr() net.Addr { return nowhere{} }

type nowhere struct{}

func (nowhere) Network() string { return "nowhere" }
func (nowhere) String() string  { return "behind the pooler" }
