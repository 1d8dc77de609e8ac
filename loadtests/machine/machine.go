// Package machine tells where the machine's processors and memory go while something is measured: by programs, and within a server.
package machine

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

// Use is what programs of one name have used of the machine.
type Use struct {
	Time   time.Duration // of processors
	Memory int           // bytes, shared ones among them
}

// Used gives what the programs of a stack (internal/devstack) have used since they started, and what this one and those that it started
// have, by their names. This one's is self.
func Used(stack, self string) map[string]Use {
	ours := map[int]bool{os.Getpid(): true}
	for _, file := range []string{"redis.pid", "pgbouncer.pid", "postgres/postmaster.pid"} {
		if raw, err := os.ReadFile(filepath.Join(stack, file)); err == nil {
			first, _, _ := bytes.Cut(raw, []byte("\n"))
			if pid, err := strconv.Atoi(strings.TrimSpace(string(first))); err == nil {
				ours[pid] = true
			}
		}
	}
	used := map[string]Use{}
	for _, p := range processes() {
		if p.pid == os.Getpid() {
			p.name = self
		}
		if ours[p.pid] || ours[p.parent] {
			all := used[p.name]
			used[p.name] = Use{Time: all.Time + p.used, Memory: all.Memory + p.memory}
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
