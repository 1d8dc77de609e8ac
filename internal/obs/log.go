// Package obs is how the program is watched: its log, its metrics, one line per request, and what each request cost in
// the database.
package obs

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
)

// LevelCritical is for what ends the program.
const LevelCritical = slog.LevelError + 4

// LogOptions say what is logged, and where.
type LogOptions struct {
	Level  slog.Level
	Format string    // json or text
	File   string    // path; empty for Out
	Out    io.Writer // where there is no File
}

// Log is the program's log. Reopen is for whoever rotates its file.
type Log struct {
	*slog.Logger
	sink *sink
}

// OpenLog opens the log, making its file where it is not there.
func OpenLog(o LogOptions) (*Log, error) {
	s := &sink{path: o.File, out: o.Out}
	if err := s.reopen(); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: nameLevel}
	if o.Format == "text" {
		return &Log{Logger: slog.New(slog.NewTextHandler(s, options)), sink: s}, nil
	}
	return &Log{Logger: slog.New(slog.NewJSONHandler(s, options)), sink: s}, nil
}

// Reopen opens the log's file again under its name, after somebody has moved the old one away. Lines that come meanwhile
// go to the old one. Without a file it does nothing.
func (l *Log) Reopen() error { return l.sink.reopen() }

// Close closes the log's file.
func (l *Log) Close() error { return l.sink.close() }

// nameLevel gives the levels the names that operators know.
func nameLevel(groups []string, a slog.Attr) slog.Attr {
	if a.Key != slog.LevelKey || len(groups) > 0 {
		return a
	}
	level, ok := a.Value.Any().(slog.Level)
	switch {
	case !ok:
		return a
	case level >= LevelCritical:
		return slog.String(a.Key, "CRITICAL")
	case level == slog.LevelWarn:
		return slog.String(a.Key, "WARNING")
	}
	return a
}

// sink is where lines go: a file that can be opened anew, or a stream.
type sink struct {
	path string
	mu   sync.Mutex
	out  io.Writer
	file *os.File
}

// Write writes one line, whole.
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(line)
}

func (s *sink) reopen() error {
	if s.path == "" {
		return nil
	}
	fresh, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640) //nolint:gosec // whoever reads the logs is in the group
	if err != nil {
		return fmt.Errorf("open the log file: %w", err)
	}
	s.mu.Lock()
	old := s.file
	s.out, s.file = fresh, fresh
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("close the old log file: %w", err)
	}
	return nil
}

func (s *sink) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
