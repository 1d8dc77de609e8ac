package ratelimit

import (
	"sync"
	"time"
)

// maxKeys is how many keys of one class are counted in memory. Whoever floods a class cannot make others forget.
const maxKeys = 20_000

// memory counts for this instance alone.
type memory struct {
	mu      sync.Mutex
	classes map[Class]*windows
}

// windows are the counts of one class, in the latest window that was counted in, and in the one before.
type windows struct {
	latest        time.Time
	now, previous map[string]int
}

func newMemory() *memory { return &memory{classes: map[Class]*windows{}} }

// add counts an amount in the present window, and gives the counts of both.
func (m *memory) add(class Class, key string, current, previous time.Time, amount int) (int, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.classes[class]
	if !ok {
		w = &windows{latest: current, now: map[string]int{}, previous: map[string]int{}}
		m.classes[class] = w
	}
	w.turn(current, previous)
	if _, known := w.now[key]; !known && len(w.now) >= maxKeys {
		w.thin()
	}
	if amount != 0 {
		w.now[key] = max(0, w.now[key]+amount)
	}
	return w.now[key], w.previous[key]
}

// turn begins a new window where its time has come. One who read the clock before the turn counts in the new one.
func (w *windows) turn(current, previous time.Time) {
	if !current.After(w.latest) {
		return
	}
	w.previous, w.now = w.now, w.previous
	clear(w.now)
	if !w.latest.Equal(previous) {
		clear(w.previous)
	}
	w.latest = current
}

// thin forgets an eighth of the keys, whichever come first: a map has no order.
func (w *windows) thin() {
	left := maxKeys / 8
	for key := range w.now {
		if left--; left < 0 {
			return
		}
		delete(w.now, key)
	}
}
