package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"traitortrack/internal/audit"
)

// TestJSONIsHashedWithoutItsSpaces holds the form of JSON against what the library makes of it.
func TestJSONIsHashedWithoutItsSpaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{}
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			value[rapid.String().Draw(t, "name")] = rapid.OneOf(rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(),
				rapid.SliceOfN(rapid.StringMatching(`[\\" \n\t,:{}]*`), 0, 3).AsAny()).Draw(t, "value")
		}
		raw, err := json.MarshalIndent(value, " ", "\t ")
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, raw); err != nil {
			t.Fatal(err)
		}
		if got := audit.FormOf(raw); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q becomes %q, want %q", raw, got, want.Bytes())
		}
	})
}
