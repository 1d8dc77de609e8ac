package server

import (
	"fmt"

	"traitortrack/internal/report"
)

// Sizes of the chart. Along it everything is in percent, so that it fills any width and its texts keep their size; its
// height is in pixels.
const (
	chartHeight = 180
	chartBase   = 156 // where the bars stand; the hours are written below
	chartTop    = 20  // the tallest bar ends here
	labelEvery  = 6   // hours between two labels
)

// chart is the scans of the last hours as bars.
type chart struct {
	Height, Base, Top int
	Peak              int64 // scans of the tallest bar
	Bars              []bar
	report.Tally      // the sum of all bars
}

// bar is one hour: its refused scans on top of the duplicates, and those on top of the accepted ones.
type bar struct {
	report.Hour
	X, Width, Middle string
	Parts            []barPart
	Labelled         bool
}

// barPart is a piece of a bar.
type barPart struct {
	Class     string
	Y, Height int
}

func chartOf(hours []report.Hour) chart {
	c := chart{Height: chartHeight, Base: chartBase, Top: chartTop}
	for _, h := range hours {
		c.Accepted, c.Duplicate, c.Refused = c.Accepted+h.Accepted, c.Duplicate+h.Duplicate, c.Refused+h.Refused
		c.Peak = max(c.Peak, h.Sum())
	}
	for i, h := range hours {
		c.Bars = append(c.Bars, barOf(h, i, len(hours), c.Peak))
	}
	return c
}

func barOf(h report.Hour, i, of int, peak int64) bar {
	step := 100 / float64(of)
	b := bar{Hour: h, X: percent(float64(i)*step + step*0.12), Width: percent(step * 0.76), Middle: percent(float64(i)*step + step/2),
		Labelled: (of-1-i)%labelEvery == 0 && i > 0}
	base := chartBase
	for _, part := range []struct {
		class string
		scans int64
	}{{"accepted", h.Accepted}, {"duplicate", h.Duplicate}, {"refused", h.Refused}} {
		if part.scans == 0 {
			continue
		}
		height := max(2, int(part.scans*(chartBase-chartTop)/peak)) // so small that it would not be seen is still shown
		base -= height
		b.Parts = append(b.Parts, barPart{Class: part.class, Y: base, Height: height})
	}
	return b
}

func percent(n float64) string { return fmt.Sprintf("%.2f%%", n) }
