package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
)

// acknowledged is what the crowd was answered, read from what the generators wrote.
type acknowledged struct {
	scans  map[uuid.UUID]scan
	lost   map[uuid.UUID]bool // sent, and not answered by the end
	inside map[string]string  // child → parent, '' after it was taken out
	unsure map[string]bool    // children of whom an answer is missing
	onBill map[string]string  // parent → bill
	done   map[string]bool    // bills that were completed
	failed map[string]int     // "scan: 503", or "scan: 1050" where no answer came (k6's code of the error), by how often
}

// scan is one scan as it was answered first.
type scan struct{ outcome, code, parent string }

func readAcknowledged(paths []string) (*acknowledged, error) {
	a := &acknowledged{scans: map[uuid.UUID]scan{}, lost: map[uuid.UUID]bool{}, inside: map[string]string{}, unsure: map[string]bool{},
		onBill: map[string]string{}, done: map[string]bool{}, failed: map[string]int{}}
	for _, path := range paths {
		if err := a.readFile(path); err != nil {
			return nil, err
		}
	}
	for id := range a.scans {
		delete(a.lost, id) // it was sent again, and answered
	}
	return a, nil
}

func (a *acknowledged) readFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open what was acknowledged: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if err := a.line(strings.Fields(lines.Text())); err != nil {
			return fmt.Errorf("read what was acknowledged: %w: %q", err, lines.Text())
		}
	}
	return lines.Err()
}

// line takes one line, whose forms stand in people/scanning.js.
func (a *acknowledged) line(f []string) error {
	switch {
	case len(f) == 6 && f[0] == "scan":
		return a.scanned(f[1], scan{outcome: f[3], code: f[4], parent: strings.TrimPrefix(f[5], "-")})
	case len(f) == 3 && f[0] == "lost":
		id, err := uuid.Parse(f[1])
		a.lost[id], a.unsure[f[2]] = true, true
		return err
	case len(f) == 4 && f[0] == "undo":
		a.inside[f[2]] = ""
		if f[1] != "200" {
			a.unsure[f[2]] = true
		}
	case len(f) == 4 && f[0] == "bill" && f[1] == "200":
		a.onBill[f[3]] = f[2]
	case len(f) == 3 && f[0] == "done" && f[1] == "200":
		a.done[f[2]] = true
	case len(f) > 2 && f[0] == "failed":
		a.failed[strings.Join(f[2:], " ")+": "+f[1]]++
	}
	return nil
}

// scanned keeps the first answer. A replay's is the same: the script sees to that.
func (a *acknowledged) scanned(id string, s scan) error {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return err
	}
	if _, again := a.scans[parsed]; again {
		return nil
	}
	a.scans[parsed] = s
	if s.outcome == "linked" {
		delete(a.unsure, s.code)
		a.inside[s.code] = s.parent
	}
	return nil
}
