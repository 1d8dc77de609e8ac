package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// number is what differs between lines that say the same.
var number = regexp.MustCompile(`[0-9]+`)

// logged counts what the servers logged, warnings and worse, from their start: the message and what it is about, all numbers taken for one.
func (s *site) logged() (map[string]int, error) {
	logs, err := filepath.Glob(filepath.Join(s.dir, "server-*.log"))
	if err != nil {
		return nil, fmt.Errorf("find the servers' logs: %w", err)
	}
	times := map[string]int{}
	for _, path := range logs {
		if err := countLines(path, times); err != nil {
			return nil, err
		}
	}
	return times, nil
}

func countLines(path string, times map[string]int) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open a server's log: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := struct {
			Msg, Name, Route, Error, Cause string
			Status                         json.Number
		}{Msg: lines.Text()} // a line that is no record is told as it is
		_ = json.Unmarshal(lines.Bytes(), &line)
		said := []string{number.ReplaceAllString(line.Msg, "N"), line.Name, line.Route, line.Status.String(),
			number.ReplaceAllString(line.Error, "N"), number.ReplaceAllString(line.Cause, "N")}
		times[strings.Join(slices.DeleteFunc(said, func(part string) bool { return part == "" }), ": ")]++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read a server's log: %w", err)
	}
	return nil
}
