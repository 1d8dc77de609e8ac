package code_test

import (
	"strings"
	"testing"

	"traitortrack/internal/code"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"SB00042":                              "SB00042",
		" sb00042\r\n":                         "SB00042",
		"]Q1SB00042":                           "SB00042",
		"]C1sb00042\t":                         "SB00042",
		"\ufeff]d2M444-00001":                  "M444-00001",
		"\u200bC0001\u00a0":                    "C0001",
		"C\u00ad00\u206001":                    "C0001",
		"ＳＢ０００４２":                              "SB00042",
		"sb 000 42":                            "SB00042",
		"\x00\x1dC0001\x04":                    "C0001",
		"":                                     "",
		"]Q1":                                  "]Q1",
		strings.Repeat("A", 10_000):            "",
		"SB00042" + strings.Repeat(" ", 2_000): "",
	} {
		if got := code.Normalise(raw); got != want {
			t.Errorf("Normalise(%.40q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{" sb00042\r\n", "]Q1]C1X", "\ufeffＳＢ", "ß", "ﬃ\u0301", "ŉ", "\xff\xfe", "]q1]", "ǰ\u0323"} {
		f.Add(seed)
	}
	formats := defaults(f)
	f.Fuzz(func(t *testing.T, raw string) {
		once := code.Normalise(raw)
		if twice := code.Normalise(once); twice != once {
			t.Errorf("Normalise(%q) = %q, and of that %q", raw, once, twice)
		}
		if _, _, ok := formats.Recognise(once); ok && (len(once) < 4 || len(once) > 20) {
			t.Errorf("%q is no code, by its length", once)
		}
	})
}

func defaults(t testing.TB) code.Formats {
	t.Helper()
	formats, err := code.NewFormats([]code.Format{
		{ID: 1, Name: "mustard", Pattern: `SB[0-9]{5,6}`, Capacity: 30, ChildGrams: 1000},
		{ID: 2, Name: "moong", Pattern: `M444-[0-9]{5}`, Capacity: 15, ChildGrams: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return formats
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	formats := defaults(t)
	for text, want := range map[string]string{
		"SB00042": "parent mustard", "SB123456": "parent mustard", "M444-00001": "parent moong",
		"SB1234": "child ", "SB1234567": "child ", "M44400001": "child ", "C001": "child ", strings.Repeat("Z", 20): "child ",
		"ABC": "none", "M444-0000": "none", "C-1234": "none", strings.Repeat("Z", 21): "none", "": "none", "SB00042\n": "none", "कखगघ": "none",
	} {
		kind, format, ok := formats.Recognise(text)
		got := string(kind) + " " + format.Name
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("Recognise(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestNewFormatsRefusesASpoiltPattern(t *testing.T) {
	t.Parallel()
	if _, err := code.NewFormats([]code.Format{{Name: "bad", Pattern: "("}}); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("a spoilt pattern gave %v", err)
	}
}

func TestCleanNumber(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		" T-1\u200b":              "T-1",
		"INV/2026-27/0042":        "INV/2026-27/0042",
		"a  b\u00a0c\r\n":         "a b c",
		strings.Repeat("é", 50):   strings.Repeat("é", 50),
		strings.Repeat("x", 51):   "",
		"":                        "",
		" \u200b ":                "",
		".":                       "",
		"..":                      "",
		"...":                     "...",
		"\xff":                    "",
		strings.Repeat("x", 9999): "",
	} {
		got, err := code.CleanNumber(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("CleanNumber(%.40q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	if code.FoldNumber("Inv/É1") != code.FoldNumber("iNV/é1") {
		t.Error("two cases of one number have two keys")
	}
}
