package totp_test

import (
	"bytes"
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"traitortrack/internal/totp"
)

// reference is the secret of RFC 6238, appendix B; its codes there have eight digits, of which an app shows the last six.
var reference = []byte("12345678901234567890")

func TestCheckAgainstTheStandard(t *testing.T) {
	t.Parallel()
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		verdict, step := totp.Check(reference, code, time.Unix(at, 0), 0)
		if verdict != totp.Right || step != at/30 {
			t.Errorf("at %d: verdict %d, step %d", at, verdict, step)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const code, step = "005924", int64(1234567890) / 30
	for _, tc := range []struct {
		name, typed string
		late        time.Duration
		used        int64
		want        totp.Verdict
	}{
		{"now", code, 0, 0, totp.Right},
		{"with a space in the middle", " 005 924\r\n", 0, 0, totp.Right},
		{"a step late", code, 30 * time.Second, 0, totp.Right},
		{"a step early", code, -30 * time.Second, 0, totp.Right},
		{"two steps late", code, 60 * time.Second, 0, totp.Wrong},
		{"two steps early", code, -60 * time.Second, 0, totp.Wrong},
		{"after the step before it was used", code, 0, step - 1, totp.Right},
		{"used already", code, 0, step, totp.Replayed},
		{"used already, within the drift", code, 30 * time.Second, step, totp.Replayed},
		{"after a later one was used", code, 0, step + 1, totp.Replayed},
		{"another code", "005925", 0, 0, totp.Wrong},
		{"too short", "05924", 0, 0, totp.Wrong},
		{"empty", "", 0, 0, totp.Wrong},
		{"letters", "abcdef", 0, 0, totp.Wrong},
	} {
		verdict, got := totp.Check(reference, tc.typed, time.Unix(1234567890, 0).Add(tc.late), tc.used)
		if verdict != tc.want || (verdict == totp.Right) != (got == step) {
			t.Errorf("%s: verdict %d, step %d", tc.name, verdict, got)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	secret := totp.NewSecret()
	if len(secret) != 20 || bytes.Equal(secret, totp.NewSecret()) {
		t.Fatalf("a secret of %d bytes, or two alike", len(secret))
	}
	uri, err := totp.URI("TraitorTrack", "asha & co", secret)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/TraitorTrack:asha & co" {
		t.Errorf("%s: %v", uri, err)
	}
	back, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
	if err != nil || !bytes.Equal(back, secret) || u.Query().Get("secret") != totp.Text(secret) {
		t.Errorf("the secret in %s: %v", uri, err)
	}
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	codes, seen := totp.NewRecoveryCodes(), map[string]bool{}
	for _, code := range codes {
		hash, ok := totp.HashRecovery(code)
		sloppy, ok2 := totp.HashRecovery(" " + strings.ToUpper(strings.ReplaceAll(code, "-", " ")) + "\n")
		if !ok || !ok2 || !bytes.Equal(hash, sloppy) {
			t.Errorf("%s is not its own hash when typed otherwise", code)
		}
		seen[string(hash)] = true
	}
	if len(codes) != 10 || len(seen) != 10 {
		t.Errorf("%d codes, %d of them different", len(codes), len(seen))
	}
	for _, typed := range []string{"", "123456", codes[0][1:], codes[0] + "a", strings.Replace(codes[0], codes[0][:1], "l", 1), codes[0][:18] + "é"} {
		if _, ok := totp.HashRecovery(typed); ok {
			t.Errorf("%q was taken for a recovery code", typed)
		}
	}
}
