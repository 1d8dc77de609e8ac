// Package weight has the one unit of weight: grams, as integers, everywhere inside; kilograms with three decimals at the edge.
package weight

import "fmt"

// Grams is a weight.
type Grams int64

// String gives kilograms with three decimals, without the unit: 30000 is "30.000".
func (g Grams) String() string {
	sign := ""
	if g < 0 {
		sign, g = "-", -g
	}
	return fmt.Sprintf("%s%d.%03d", sign, g/1000, g%1000)
}

// MarshalJSON gives kilograms as a number with three decimals.
func (g Grams) MarshalJSON() ([]byte, error) { return []byte(g.String()), nil }
