package ratelimit

import (
	"math"
	"net/netip"
	"time"
)

// counts are what was counted for a key at one moment.
type counts struct {
	used              float64 // the weighted sum of both windows, which is what a rate is held against
	current, previous int     // of the present window, and of the one before
	taken             int     // of used and current, what the present request added
	window            time.Time
	elapsed           time.Duration // of the present window
}

// judge decides how a caller stands. One who has not taken yet is limited when one more would be too many.
func judge(r Rate, c counts) Standing {
	next := c.used + float64(1-c.taken)
	s := Standing{Limit: r.Count, Remaining: max(0, int(math.Floor(float64(r.Count)-c.used))), Reset: c.window.Add(r.Per)}
	if next > float64(r.Count) {
		s.Limited = true
		s.Retry = wait(r, c)
	}
	return s
}

// wait gives how long it takes until one more is within the rate, with nothing counted meanwhile. The window before fades
// in a straight line; once the present one is over, it fades in its turn.
func wait(r Rate, c counts) time.Duration {
	room, current, previous := float64(r.Count-1), float64(c.current-c.taken), float64(c.previous)
	fade := func(part float64) time.Duration { return time.Duration(part * float64(r.Per)) }
	if current <= room && previous > 0 {
		return max(0, fade(1-(room-current)/previous)-c.elapsed)
	}
	return r.Per - c.elapsed + fade(1-room/max(1, current))
}

// Network gives the key that an address is counted under. Whoever has one IPv6 address has the 2⁶⁴ beside it, so those
// count as one.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}
