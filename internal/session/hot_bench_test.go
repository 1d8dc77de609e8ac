package session

import (
	"testing"
	"time"
)

// BenchmarkHotSession reads what a session holds.
func BenchmarkHotSession(b *testing.B) {
	raw, err := codec{}.Encode(time.Now(), map[string]any{"user": int64(42), "epoch": int64(3), "device": "Pack line 2", "csrf": "0123456789abcdef0123456789abcdef"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := (codec{}).Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
