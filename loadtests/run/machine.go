package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the kernel's unit of processor time.
const tick = 10 * time.Millisecond

// process is what /proc tells of one.
type process struct {
	pid, parent int
	name        string
	used        time.Duration // for PostgreSQL with that of backends that have ended
	memory      int           // bytes, shared ones among them
}

// use is what programs of one name have used of the machine.
type use struct {
	time   time.Duration
	memory int
}

// usedBy gives what each kind of program of the site has used from its start, and what the generators have.
func usedBy(s *site) map[string]use {
	ours := map[int]bool{os.Getpid(): true}
	for _, file := range []string{"redis.pid", "pgbouncer.pid", "postgres/postmaster.pid"} {
		if raw, err := os.ReadFile(filepath.Join(s.dir, "data", file)); err == nil {
			first, _, _ := bytes.Cut(raw, []byte("\n"))
			if pid, err := strconv.Atoi(strings.TrimSpace(string(first))); err == nil {
				ours[pid] = true
			}
		}
	}
	used := map[string]use{}
	for _, p := range processes() {
		if p.pid == os.Getpid() {
			p.name = "streams and runner"
		}
		if ours[p.pid] || ours[p.parent] {
			all := used[p.name]
			used[p.name] = use{time: all.time + p.used, memory: all.memory + p.memory}
		}
	}
	return used
}

// processes lists what runs. What ends meanwhile is left out.
func processes() []process {
	var all []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if p, err := parseStat(string(raw)); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// parseStat reads a line of /proc/PID/stat: the name is in brackets and may hold anything.
func parseStat(line string) (process, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("no process: %q", line)
	}
	p := process{name: line[open+1 : end]}
	fields := strings.Fields(line[end+1:])
	const parent, utime, stime, cutime, cstime, pages = 1, 11, 12, 13, 14, 21
	if len(fields) <= pages {
		return process{}, fmt.Errorf("no process: %q", line)
	}
	var numbers [6]int
	var err error
	for i, at := range []int{parent, utime, stime, cutime, cstime, pages} {
		if numbers[i], err = strconv.Atoi(fields[at]); err != nil {
			return process{}, fmt.Errorf("no process: %w", err)
		}
	}
	if p.pid, err = strconv.Atoi(strings.TrimSpace(line[:open])); err != nil {
		return process{}, fmt.Errorf("no process: %w", err)
	}
	p.parent, p.used = numbers[0], time.Duration(numbers[1]+numbers[2])*tick
	p.memory = numbers[5] * os.Getpagesize()
	if p.name == "postgres" {
		p.used += time.Duration(numbers[3]+numbers[4]) * tick
	}
	return p, nil
}
