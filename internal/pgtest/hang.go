package pgtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Hang stops the process that a pid file names, and its children, as a machine does that hangs: connections are taken, and
// nothing is answered. It gives what lets them go on, which the end of the test does as well.
func Hang(t testing.TB, pidFile string) func() {
	t.Helper()
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	parent, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%s names no process: %v", pidFile, err)
	}
	signal(t, parent, syscall.SIGSTOP) // first, so that it makes no more children
	family := append(children(parent), parent)
	for _, pid := range family {
		signal(t, pid, syscall.SIGSTOP)
	}
	wake := func() {
		for _, pid := range family {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
		}
	}
	t.Cleanup(wake)
	return wake
}

func signal(t testing.TB, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("signal process %d: %v", pid, err)
	}
}

// children gives the processes that a process has started.
func children(parent int) []int {
	var found []int
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		var pid, of int
		if _, err := fmt.Sscan(string(raw[bytes.LastIndexByte(raw, ')')+1:]), &state, &of); err != nil || of != parent {
			continue
		}
		if pid, err = strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, pid)
		}
	}
	return found
}
