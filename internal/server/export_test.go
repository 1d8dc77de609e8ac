package server

import (
	"time"

	"traitortrack/internal/authz"
)

// JoinDocument gives the API's document as it is served.
var JoinDocument = joinDocument

// Beat makes streams show that they still are there more often than outside of tests. It is called before the server is asked.
func (s *Server) Beat(every time.Duration) {
	for _, l := range s.lives() {
		l.heartbeat = every
	}
}

// RouteLine is one line of the table of routes.
type RouteLine struct {
	Method, Pattern string
	Action          authz.Action
	Open            bool // it lets in whoever comes
}

// RouteTable gives the whole table.
func RouteTable() []RouteLine {
	var table []RouteLine
	for _, rt := range (&Server{}).routes() {
		table = append(table, RouteLine{rt.method, rt.pattern, rt.action, rt.action == public || rt.action == bare})
	}
	return table
}
