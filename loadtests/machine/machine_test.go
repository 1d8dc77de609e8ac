package machine

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	p, err := parseStat("42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 1000 1000 20 0 9 0 12345 1000000 25 184467 1 1")
	if err != nil || p.pid != 42 || p.parent != 7 || p.name != "a (b) c" || p.used != 3*time.Second || p.memory != 25*os.Getpagesize() {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := parseStat("nonsense"); err == nil {
		t.Error("nonsense is a process")
	}
}
