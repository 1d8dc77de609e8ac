// Package page has the keyset cursor of lists: an opaque place to go on from, instead of a page number.
package page

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"traitortrack/internal/errs"
)

// DefaultLimit and MaxLimit bound how many items a list answers.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Limit reads a request's limit: empty is the default, and anything outside 1 to MaxLimit is invalid_limit.
func Limit(raw string) (int, error) {
	if raw == "" {
		return DefaultLimit, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > MaxLimit {
		return 0, errs.Field("limit", "invalid_limit", "A list's limit is a whole number from 1 to %d.", MaxLimit)
	}
	return n, nil
}

// Most gives how many rows to read for a page of so many: one too many, which proves that there is a next page. A limit out
// of bounds is brought to the nearer one.
func Most(limit int) int32 { return int32(min(max(limit, 1), MaxLimit)) + 1 }

// Encode makes the cursor of a key, which is any value that JSON can carry.
func Encode(key any) string {
	raw, err := json.Marshal(key)
	if err != nil {
		panic("page: a key that JSON cannot carry: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Decode reads a cursor back into key. An empty cursor leaves key as it is and answers false; a spoilt one is invalid_cursor.
func Decode(cursor string, key any) (bool, error) {
	if cursor == "" {
		return false, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(raw, key)
	}
	if err != nil {
		return false, errs.Field("cursor", "invalid_cursor", "This list cannot go on from there. Start again from its first page.").Wrap(err)
	}
	return true, nil
}

// List is one page of items and the cursor of the next, empty at the end.
type List[T any] struct {
	Items []T
	Next  string
}

// Cut makes a page from up to limit+1 items: the one too many proves that there is a next page.
func Cut[T any](items []T, limit int, key func(T) any) List[T] {
	if len(items) <= limit {
		return List[T]{Items: items}
	}
	return List[T]{Items: items[:limit], Next: Encode(key(items[limit-1]))}
}
