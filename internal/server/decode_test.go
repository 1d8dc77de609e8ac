package server

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"traitortrack/internal/errs"
)

// FuzzDecode sends anything at all as the body of a batch. It is read, or refused as malformed with a field or sentence
// that names the trouble; it is never a fault of ours. What is read says what the body said.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"scans":[{"code":"SB00042","parent":"x","scan_id":null,"scanned_at":"2026-01-31T09:41:00+05:30"}]}`, `{"scans":null}`, `{}`, `null`, ``, `[`, `{"scans":[null]}`,
		`{"a":{"a":{"a":{"a":{}}}}}`, `{"scans":[{"code":"\ud800"}]}`, "{\"scans\":[{\"code\":\"\xff\"}]}", `{"scans":[]} x`, `{"scans":[],"SCANS":[]}`, `{"scans":[1e999]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var sent struct {
			Scans []*scanRequest `json:"scans"`
		}
		if err := decodeJSON(body, &sent); err != nil {
			if refused := errs.As(err); refused == nil || refused.Code != "malformed" || refused.Message == "" || !utf8.ValidString(refused.Message) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		var plain struct{ Scans []any }
		if err := json.Unmarshal(body, &plain); err != nil || len(plain.Scans) != len(sent.Scans) {
			t.Errorf("%q was read as %d scans, and holds %d (%v)", body, len(sent.Scans), len(plain.Scans), err)
		}
		for _, scan := range sent.Scans {
			if scan == nil {
				continue
			}
			if _, err := scan.read(); err != nil && errs.As(err) == nil {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}

func TestOwnPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/bags": "/bags", "/bills/A%2F1?x=1#y": "/bills/A%2F1?x=1#y", "": "/", "bags": "/", "//evil": "/", "/\\evil": "/", "\\\\evil": "/", "https://evil": "/",
		"/a\nb": "/", "javascript:x": "/", "/login": "/", "/logout": "/", "/login/2fa": "/", "/login/2fa?next=/bags": "/", "/bags/../login/2fa": "/", "/%6cogin/": "/", "/logins": "/logins", "/%zz": "/",
	} {
		if got := ownPath(path); got != want {
			t.Errorf("ownPath(%q) = %q, want %q", path, got, want)
		}
	}
}
