package server

import "testing"

func TestCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain <b>":         "plain &lt;b&gt;",
		"a `b_c` and `<d>`": `a <code class="code">b_c</code> and <code class="code">&lt;d&gt;</code>`,
		"one ` alone":       "one ` alone",
	} {
		if got := string(codes(text)); got != want {
			t.Errorf("codes(%q) = %q, want %q", text, got, want)
		}
	}
}
