package server

import (
	"fmt"
	"strings"
	"time"

	"traitortrack/internal/pool"
)

// Sizes of the chart of the pool, in pixels from above. The usage stands between the top and the base; along it lie ten minutes, in
// an inner picture that is stretched to any width.
const (
	poolTop    = 10
	poolBase   = 190
	poolHeight = 216
	poolWidth  = 600 // seconds, of which each is one unit of the inner picture
)

// poolChart is the usage of the last ten minutes as a line, with the bands behind it.
type poolChart struct {
	Height, Top, Base, Width int
	Bands                    []poolBand
	Line, Area               string // paths, in seconds along and percent from above
	Marks                    []poolMark
	Minutes                  []poolMinute
	Last                     string // where the line ends, in percent from above
	Any                      bool
}

// poolBand is a band of the usage: from where to where, and where it is written.
type poolBand struct {
	Name      pool.Band
	Y, Height int
	From      int // percent
}

// poolMark is a time that is written below.
type poolMark struct {
	X, Anchor string
	At        time.Time
}

// poolMinute is a minute in numbers, for who does not see the line.
type poolMinute struct {
	At      time.Time
	Highest pool.Sample
}

func poolChartOf(samples []pool.Sample) poolChart {
	c := poolChart{Height: poolHeight, Top: poolTop, Base: poolBase, Width: poolWidth, Bands: poolBands(), Any: len(samples) > 0}
	if !c.Any {
		return c
	}
	end := samples[len(samples)-1].At
	begin := end.Add(-poolWidth * time.Second)
	c.Line, c.Area = poolPaths(samples, begin)
	c.Last = fmt.Sprint(poolY(samples[len(samples)-1].Usage()))
	c.Marks = []poolMark{{"0%", "start", begin}, {"50%", "middle", begin.Add(poolWidth / 2 * time.Second)}, {"100%", "end", end}}
	for _, s := range samples {
		minute := s.At.Truncate(time.Minute)
		if n := len(c.Minutes); n == 0 || !c.Minutes[n-1].At.Equal(minute) {
			c.Minutes = append(c.Minutes, poolMinute{At: minute, Highest: s})
		} else if s.InUse > c.Minutes[n-1].Highest.InUse {
			c.Minutes[n-1].Highest = s
		}
	}
	return c
}

// poolBands are the bands from the top down.
func poolBands() []poolBand {
	bands := []poolBand{{Name: pool.Danger, From: pool.DangerFrom}, {Name: pool.Critical, From: pool.CriticalFrom}, {Name: pool.Warning, From: pool.WarningFrom}, {Name: pool.Healthy}}
	y := poolTop
	for i := range bands {
		bottom := poolY(float64(bands[i].From))
		bands[i].Y, bands[i].Height = y, bottom-y
		y = bottom
	}
	return bands
}

// poolY gives where a usage in percent stands, from above.
func poolY(percent float64) int {
	return poolBase - int(min(percent, 100)*(poolBase-poolTop)/100)
}

// poolPaths draws the line, and the area below it. Where samples are missing the line is broken.
func poolPaths(samples []pool.Sample, begin time.Time) (string, string) {
	var line, area strings.Builder
	last := -1.0
	for _, s := range samples {
		x, y := s.At.Sub(begin).Seconds(), poolY(s.Usage())
		if last < 0 || x-last > 3*pool.Every.Seconds() {
			if last >= 0 {
				fmt.Fprintf(&area, "L%.0f %dZ", last, poolBase)
			}
			fmt.Fprintf(&line, "M%.0f %d", x, y)
			fmt.Fprintf(&area, "M%.0f %dL%.0f %d", x, poolBase, x, y)
		} else {
			fmt.Fprintf(&line, "L%.0f %d", x, y)
			fmt.Fprintf(&area, "L%.0f %d", x, y)
		}
		last = x
	}
	fmt.Fprintf(&area, "L%.0f %dZ", last, poolBase)
	return line.String(), area.String()
}
