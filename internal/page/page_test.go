package page_test

import (
	"math"
	"testing"

	"traitortrack/internal/page"
)

func TestMostIsOneMoreThanAPage(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int32{50: 51, 1: 2, page.MaxLimit: page.MaxLimit + 1, 0: 2, -7: 2, math.MaxInt: page.MaxLimit + 1} {
		if got := page.Most(limit); got != want {
			t.Errorf("%d rows for a page of %d, want %d", got, limit, want)
		}
	}
}
